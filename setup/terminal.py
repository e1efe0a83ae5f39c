"""Progress in the terminal: a line that renews itself where there is a terminal, a line now and then where not."""

import shutil
import time

#: Seconds between two lines of progress where the output is not a terminal.
_INTERVAL = 10


class Terminal:
    """Prints what runs, how far it is, and how long it took."""

    def __init__(self, stream):
        self.stream = stream
        self.renews = stream.isatty()
        self.pending = False
        self.started = self.shown = time.monotonic()

    def line(self, text):
        """A line of its own, below whatever progress there is."""
        self._write(("\n" if self.pending else "") + text + "\n")
        self.pending = False

    def start(self, text):
        """Announces a cell and starts its clock."""
        self.started = self.shown = time.monotonic()
        self.line(text)

    def finish(self):
        """Says how long the cell has taken, if that was long enough to matter."""
        seconds = time.monotonic() - self.started
        if seconds >= 1:
            self.line(f"    {self.duration(seconds)}")

    def text(self, text):
        """What a cell prints, indented."""
        for line in text.rstrip().splitlines():
            self.line(f"    {line}")

    def progress(self, text=""):
        """One line of progress, which replaces the one before."""
        if self.renews:
            width = shutil.get_terminal_size().columns - 5
            self._write(f"\r    {text[:width]}\x1b[K")
            self.pending = True
        elif text and time.monotonic() - self.shown >= _INTERVAL:
            self.shown = time.monotonic()
            self.line(f"    {text}")

    @staticmethod
    def duration(seconds):
        """Seconds in words: `8 s`, `3 min 05 s`."""
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()
