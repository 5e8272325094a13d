"""What goes on, told to whoever waits: one line that is replaced on a terminal, lines of their own elsewhere.

Nothing moves by itself in it: a line that is drawn anew by a thread would take time from what is measured.
"""

from __future__ import annotations

import shutil
from typing import IO

ERASE = "\r\x1b[2K"
"""Back to the beginning of the line of a terminal, and erase it."""


class Progress:
    """A line on a stream."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._live = stream.isatty()

    def say(self, text: str) -> None:
        """Tell what goes on now."""
        if self._live:
            self._stream.write(ERASE + text[: shutil.get_terminal_size().columns - 1])
        else:
            self._stream.write(f"... {text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Make room for something that stays."""
        if self._live:
            self._stream.write(ERASE)
            self._stream.flush()
