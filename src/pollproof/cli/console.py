"""The console of all commands; it is imported when something is printed, for rich takes its time."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from pollproof.text import HIDDEN, visible


class VisibleConsole(Console):
    """A console that writes out the hidden characters of whatever it prints, but for those that it makes itself."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command how it ends: rich would end with 1, the status of a violation."""
        raise  # what is being handled

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is printed; those that are commands of rich stay as they are."""
        for segment in super().render(renderable, options):
            if segment.control is None and HIDDEN.search(segment.text):
                yield Segment(visible(segment.text, None), segment.style)
            else:
                yield segment
