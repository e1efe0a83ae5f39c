"""The executed notebook as one HTML page that needs no network: styles, pictures and plotly.js are inside."""

import re
from pathlib import Path

from jinja2 import FileSystemLoader
from nbconvert import HTMLExporter

_PLOTLY = "application/vnd.plotly.v1+json"
_EXTERNAL = re.compile(r"<(?:script|link|iframe)\b[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^>]*>", re.IGNORECASE)


def write_html(notebook, path, plotly):
    """Writes the page; charts are drawn by plotly.js, read from the file `plotly` and embedded once.

    Raises ValueError when the page would load a script or a style from elsewhere.
    """
    exporter = HTMLExporter(extra_loaders=[FileSystemLoader(Path(__file__).parent)], template_file="report.html.j2")
    has_charts = any(_PLOTLY in o.get("data", {}) for cell in notebook.cells for o in cell.get("outputs", []))
    source = plotly.read_text(encoding="utf-8") if has_charts else ""
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
    external = _EXTERNAL.search(body)
    if external:
        raise ValueError(f"{path}: the page would load {external.group()}; remove that output from the notebook.")
    path.write_text(body.replace("/*PLOTLY*/", source.replace("</script", "<\\/script"), 1), encoding="utf-8")
