"""Runs a notebook cell by cell in its own kernel, with progress in the terminal.

The executed notebook is written after every cell, so that nothing is lost, and as a self-contained HTML page at the
end. Exits with 1 when a cell fails or a promise is rejected after its cell has ended, with 130 after Ctrl-C.
"""

import argparse
import asyncio
import errno
import json
import os
import queue
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError

from html_report import write_html
from html_text import html_lines, results_tables, stand_ins
from terminal import Terminal

#: What the kernel prints on stderr when an error reaches nobody.
LATE_ERROR = re.compile(r"UncaughtException|UnhandledPromiseRejection")

#: Where the title of a cell ends in the text above it.
SENTENCE_END = re.compile(r";\s|(?<=\.)\s")

#: How long errors may come after the last cell, in seconds.
LATE = 1

#: How long an interrupted cell may take to say how it ended, in seconds.
LAST_WORDS = 5

#: How long a kernel may take to end by itself, in seconds: an interrupted training run still stores its best weights.
SHUTDOWN = 30

#: HTML longer than this is a figure or a grid of pictures, not a line of progress.
PROGRESS_LENGTH = 5000


class Failure(Exception):
    """A cell, or something that a cell left behind, has failed; the message is for the user."""

    exit_code = 1


class Interrupted(Failure):
    """The user has pressed Ctrl-C."""

    exit_code = 130


class KernelLog:
    """What the kernel prints outside of all cells, once it is ready for them.

    Before, tslab answers the first requests while it still opens its sockets, and reports an error for each of these
    answers that does not get out; the client asks again.
    """

    def __init__(self, file):
        self.file = file
        self.begin = 0

    def start(self):
        """The kernel is ready."""
        self.begin = os.fstat(self.file.fileno()).st_size

    def tail(self, lines=20):
        """The last lines, to be read when the kernel has ended."""
        self.file.seek(self.begin)
        return b"\n".join(self.file.read().splitlines()[-lines:]).decode("utf-8", "replace")


class LabClient(NotebookClient):
    """Shows what the cells print and how far they are, and hears the errors that come after their cell has ended."""

    def __init__(self, notebook, terminal, **settings):
        super().__init__(notebook, timeout=None, kernel_name="tslab", **settings)
        self.terminal = terminal
        self.interrupted = False

    async def async_start_new_kernel_client(self):
        try:
            client = await super().async_start_new_kernel_client()
        except RuntimeError as error:
            raise Failure(f"The kernel did not start ({error}).") from None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.interrupt)
        return client

    def interrupt(self):
        """Interrupts the cell at the first Ctrl-C, kills the kernel at the second."""
        if self.interrupted:
            self.interruption = asyncio.ensure_future(self.km.shutdown_kernel(now=True))
        else:
            self.interrupted = True
            self.terminal.line("Interrupted: the kernel finishes its batch (Ctrl-C again ends it at once).")
            self.interruption = asyncio.ensure_future(self.km.interrupt_kernel())

    def process_message(self, msg, cell, cell_index):
        content = msg["content"]
        if msg["msg_type"] == "stream" and content["name"] == "stdout":
            self.terminal.text(content["text"])
        elif msg["msg_type"] in ("display_data", "update_display_data"):
            html = content["data"].get("text/html", "")
            if (content.get("transient") or {}).get("display_id") and len(html) < PROGRESS_LENGTH:
                self.terminal.progress(*html_lines(html)[-1:])
        return super().process_message(msg, cell, cell_index)

    async def late_output(self, cell, cell_index, wait):
        """Adds to a cell what its code shows after it has ended, until nothing has come for `wait` seconds.

        Returns what was said of errors, an empty string if nothing.
        """
        errors = []
        while True:
            try:
                msg = await self.kc.iopub_channel.get_msg(timeout=wait)
                self.process_message(msg, cell, cell_index)
            except queue.Empty:
                return "".join(errors)
            except CellExecutionComplete:
                continue
            if msg["msg_type"] == "stream" and LATE_ERROR.search(msg["content"]["text"]):
                errors.append(msg["content"]["text"])


async def run(notebook, folder, terminal, kernel_log, save):
    """Runs all cells; raises Failure at the first that fails. `save` is called after each."""
    manager = AsyncKernelManager(kernel_name="tslab")
    manager.shutdown_wait_time = SHUTDOWN
    client = LabClient(notebook, terminal, km=manager)
    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    output = {"stdout": kernel_log.file, "stderr": kernel_log.file}
    async with client.async_setup_kernel(cleanup_kc=True, cwd=str(folder), **output):
        kernel_log.start()
        await foretell(client, notebook)
        for number, (index, cell) in enumerate(cells, start=1):
            name = f"[{number}/{len(cells)}] {cell_title(notebook.cells, index)}"
            terminal.start(name)
            await run_cell(client, cell, index, number, name)
            wait = LAST_WORDS if client.interrupted else LATE if number == len(cells) else 0
            errors = await client.late_output(cell, index, wait)
            save()
            if client.interrupted:
                raise Interrupted(f"Interrupted in {name}")
            if errors:
                raise Failure(f"{name}\nfailed after it had ended:\n{errors}")
            terminal.finish()


async def foretell(client, notebook):
    """Lets the library print, before the first cell, what will stand in for the notebook's data set, if anything will."""
    dataset = notebook.metadata.get("transfer-lab", {}).get("dataset")
    if dataset:
        source = f"import {{tellStandIns}} from 'transfer-lab';\nawait tellStandIns({json.dumps(dataset)});"
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        try:
            await run_cell(client, notebook.cells[-1], len(notebook.cells) - 1, 0, "What stands in")
        finally:
            notebook.cells.pop()


async def run_cell(client, cell, index, number, name):
    """Runs one cell; raises Failure with what it printed on stderr when it fails."""
    try:
        await client.async_execute_cell(cell, index, execution_count=number)
    except CellExecutionError:
        if client.interrupted:
            return
        raise Failure(f"{name}\nfailed:\n{stderr_of(cell)}") from None
    except DeadKernelError:
        if client.interrupted:
            raise Interrupted(f"Interrupted in {name}") from None
        raise Failure(f"{name}\nended the kernel (out of memory?).") from None
    if LATE_ERROR.search(stderr_of(cell)):
        raise Failure(f"{name}\nleft an error behind:\n{stderr_of(cell)}")


def stderr_of(cell):
    """All that a cell printed on stderr; the TypeScript kernel reports errors in this way alone."""
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")


def cell_title(cells, index):
    """The comment that a cell begins with, else the first sentence of the last paragraph above it."""
    first = cells[index].source.lstrip().splitlines()[0]
    if first.startswith("//"):
        return first.lstrip("/ ")
    above = [cell.source for cell in cells[:index] if cell.cell_type == "markdown" and cell.source.strip()]
    return SENTENCE_END.split(above[-1].strip().splitlines()[-1].lstrip("# "))[0] if above else first


def read_notebook(path):
    """Reads a notebook, empty of outputs; raises Failure when the file is none."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
        notebook.metadata.setdefault("language_info", {"name": "typescript"})
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []
                cell.metadata, cell.source  # nbformat reads cells without them
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None
    except Exception as error:  # what nbformat raises depends on where it stumbles
        raise Failure(f"{path} is no notebook ({reason_of(path, error)}).") from None
    return notebook


def reason_of(path, error):
    """Why a file is no notebook, and what to do, as far as its text tells."""
    if isinstance(error, UnicodeDecodeError):
        return "its text is not UTF-8: save it as UTF-8 in a text editor"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not any(line.strip() for line in lines):
        return "the file is empty: take an earlier version of it, or another notebook"
    conflict = next((number for number, line in enumerate(lines, start=1) if line.startswith("<<<<<<< ")), None)
    if conflict:
        return f"a merge conflict? line {conflict} marks one: decide for one side of each in a text editor"
    return f"a merge conflict? {type(error).__name__}: {str(error)[:200]}"


def write_notebook(notebook, path):
    """Writes a notebook in one step, so that a reader never sees half of it."""
    partial = path.with_name(f".{path.name}.partial")
    nbformat.write(notebook, partial)
    partial.replace(path)


def main():
    """Runs the notebook that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--reports", type=Path, required=True, help="the folder for the executed notebook and the HTML page")
    parser.add_argument("--plotly", type=Path, required=True, help="plotly.js, which the HTML page embeds to draw the charts")
    arguments = parser.parse_args()

    start = time.monotonic()
    sys.stdout.reconfigure(errors="backslashreplace")  # a class may have letters that the terminal has not
    terminal = Terminal(sys.stdout)
    try:
        notebook = read_notebook(arguments.notebook)
    except Failure as failure:
        terminal.line(str(failure))
        return failure.exit_code
    arguments.reports.mkdir(parents=True, exist_ok=True)
    executed = arguments.reports / arguments.notebook.name
    page = executed.with_suffix(".html")
    code = 0
    with tempfile.TemporaryFile() as file:
        kernel_log = KernelLog(file)
        try:
            folder = arguments.notebook.resolve().parent
            asyncio.run(run(notebook, folder, terminal, kernel_log, lambda: write_notebook(notebook, executed)))
            log = kernel_log.tail()
            if LATE_ERROR.search(log):
                raise Failure(f"The kernel reported an error outside any cell:\n{log}")
        except Failure as failure:
            code = failure.exit_code
            terminal.line(f"{failure}\n{kernel_log.tail()}".rstrip())
    write_notebook(notebook, executed)
    try:
        write_html(notebook, page, arguments.plotly)
    except ValueError as error:
        code = code or 1
        terminal.line(str(error))
    for table in results_tables(notebook):
        terminal.line("\n" + table)
    for line in stand_ins(notebook):
        terminal.line(line)
    terminal.line(f"\n{executed}\n{page}\n{'Done' if code == 0 else 'Stopped'} after {terminal.duration(time.monotonic() - start)}.")
    return code


def main_in_words():
    """As main, what the disk refuses in words."""
    try:
        return main()
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or "the reports"
        print(
            f"{where} cannot be written: {error.strerror}. Free space there or make it writable, or set LAB_HOME to another "
            "folder (TMPDIR for temporary files), then run again."
        )
        return 1


if __name__ == "__main__":
    sys.exit(main_in_words())
