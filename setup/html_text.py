"""What a piece of HTML says, as plain text for the terminal."""

import html
import re
from html.parser import HTMLParser

_UNSEEN = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_LINE_END = re.compile(r"<(?:br|/?(?:p|div|tr|li|h\d|pre|table))\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_STAND_INS = re.compile(r'<td class="stand-ins"[^>]*>(.*?)</td>', re.DOTALL)
_NUMBER = re.compile(r"[-+]?[\d.,]+ ?%?$")


def html_lines(source):
    """The lines of text that a reader of the HTML sees, without the empty ones."""
    text = _TAG.sub("", _LINE_END.sub("\n", _UNSEEN.sub("", source)))
    lines = (" ".join(html.unescape(line).split()) for line in text.splitlines())
    return [line for line in lines if line]


class _TableReader(HTMLParser):
    """Collects the caption and the rows of every table of the class `results`."""

    def __init__(self):
        super().__init__()
        self.captions = []
        self.tables = []
        self.inside = False
        self.in_cell = False
        self.in_caption = False

    def handle_starttag(self, tag, attrs):
        if tag == "table" and "results" in (dict(attrs).get("class") or "").split():
            self.inside = True
            self.captions.append("")
            self.tables.append([])
        elif self.inside and tag == "caption":
            self.in_caption = True
        elif self.inside and tag == "tr":
            self.tables[-1].append([])
        elif self.inside and tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        if tag == "table":
            self.inside = False
        elif tag in ("td", "th"):
            self.in_cell = False
        elif tag == "caption":
            self.in_caption = False

    def handle_data(self, data):
        if self.inside and self.in_cell:
            self.tables[-1][-1][-1] += data
        elif self.in_caption:
            self.captions[-1] += data


def results_tables(notebook):
    """Every table of the class `results` in a notebook's outputs, as its caption over aligned text."""
    reader = _TableReader()
    for source in _html_outputs(notebook):
        reader.feed(source)
    return [f"{caption}\n{aligned(rows)}" for caption, rows in zip(reader.captions, reader.tables)]


def stand_ins(notebook):
    """The lines in a notebook's outputs that tell what stood in for photos and networks."""
    return [line for source in _html_outputs(notebook) for cell in _STAND_INS.findall(source) for line in html_lines(cell.replace("\n", "<br>"))]


def _html_outputs(notebook):
    return (output.get("data", {}).get("text/html", "") for cell in notebook.cells for output in cell.get("outputs", []))


def aligned(rows):
    """Rows of cells as lines of text, columns of numbers to the right, a rule below the header."""
    rows = [[" ".join(cell.split()) for cell in row] for row in rows if row]
    width = max((len(row) for row in rows), default=0)
    columns = list(zip(*(row + [""] * (width - len(row)) for row in rows)))
    texts = []
    for column in columns:
        size = max(map(len, column))
        numbers = all(_NUMBER.match(cell) for cell in column[1:] if cell)
        cells = [cell.rjust(size) if numbers else cell.ljust(size) for cell in column]
        texts.append([cells[0], "-" * size, *cells[1:]])
    return "\n".join("  ".join(line).rstrip() for line in zip(*texts))
