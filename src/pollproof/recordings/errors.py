"""What can be wrong with a recording: one sentence with the file and the place."""

from __future__ import annotations

from pollproof.errors import InputError


class RecordingError(InputError):
    """A recording that cannot be read or written. `file` and `place` (empty: the whole file) say where."""

    def __init__(self, file: str, place: str, problem: str) -> None:
        self.file, self.place, self.problem = file, place, problem
        super().__init__(f"{file}: {place}: {problem}" if place else f"{file}: {problem}")


def describe_error(error: Exception) -> str:
    """What an error of a backend says, on one line."""
    message = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
    return f"{message or type(error).__name__:.200}"
