"""Guards of YAML cassettes: what small files can unfold to, and what a parser would hold or search without bounds."""

from __future__ import annotations

from typing import IO, Any

from pollproof.errors import InputError

_MAXIMUM_INTERACTION = 1 << 26
"""Bytes of one interaction: a response of 20 MB in base64 has less than half of them."""

MAXIMUM_DIRECTIVES = 100
"""Directives of a file: libyaml compares each with all before it."""

MAXIMUM_ANCHORS = 200_000
"""Anchors of a file; vcrpy writes one where two messages share their headers."""

MAXIMUM_UNFOLDED = 1 << 26
"""Characters that aliases may stand for, beside ten times what was read of the file."""


class OversizedCassette(InputError):
    """More than a cassette needs; the text says of what."""


class GuardedStream:
    """A file as libyaml reads it. `begun` says that the document began, `settle` that what was read was taken."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._since = 0
        self._before = b"\n"
        self._directives = 0
        self._begun = False

    def begun(self) -> None:
        self._begun = True

    def settle(self) -> None:
        self._since = 0

    def read(self, size: int = -1, /) -> bytes:
        """Bytes for libyaml; raises `OversizedCassette`."""
        chunk = self._stream.read(size)
        self._since += len(chunk)
        if self._since > _MAXIMUM_INTERACTION:
            raise OversizedCassette(f"one interaction of more than {_MAXIMUM_INTERACTION >> 20} MiB")
        if not self._begun:
            self._directives += (self._before + chunk).count(b"\n%")
            self._before = chunk[-1:]
            if self._directives > MAXIMUM_DIRECTIVES:
                raise OversizedCassette(f"more than {MAXIMUM_DIRECTIVES} directives")
        return chunk


class Anchors:
    """The anchored values of a file, and how much text their aliases stand for."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._weights: dict[int, tuple[Any, int]] = {}
        self._count = 0
        self._unfolded = 0

    def forget(self, anchor: str) -> None:
        """An anchor begins anew; inside of itself it stands for nothing."""
        self._values.pop(anchor, None)

    def note(self, anchor: str, value: Any) -> None:
        """Remember a value; raises `OversizedCassette`."""
        self._count += 1
        if self._count > MAXIMUM_ANCHORS:
            raise OversizedCassette(f"more than {MAXIMUM_ANCHORS:,} anchors")
        self._values[anchor] = value
        self._weights[id(value)] = value, self._weight(value)

    def value(self, anchor: str, read: int) -> Any:
        """What an alias stands for, after so many characters of the file; raises `KeyError` and `OversizedCassette`."""
        value = self._values[anchor]
        self._unfolded += self._weight(value)
        if self._unfolded > MAXIMUM_UNFOLDED + 10 * read:
            raise OversizedCassette("aliases that stand for far more than the file holds")
        return value

    def _weight(self, value: Any) -> int:
        known = self._weights.get(id(value))
        if known is not None:
            return known[1]
        if isinstance(value, str | bytes):
            return len(value) + 1
        if isinstance(value, list):
            return 1 + sum(map(self._weight, value))
        if isinstance(value, dict):
            return 1 + sum(map(self._weight, value)) + sum(map(self._weight, value.values()))
        return 1
