"""Where a key of a TOML file stands: the line that people are sent to."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_WORD = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line (from 1) of the longest beginning of `path` that the file spells out, None where there is none."""
    counts: dict[tuple[str | int, ...], int] = {}
    here: tuple[str | int, ...] = ()
    wanted = tuple(path)
    best: tuple[int, int] | None = None
    array: tuple[str | int, ...] = ()
    entries = 0
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if array and line.lstrip().startswith("{"):  # an entry of an array, on a line of its own
            spelled: tuple[str | int, ...] = (*array, entries)
            entries += 1
        elif header:
            names: tuple[str | int, ...] = tuple(a or b or c for a, b, c in _WORD.findall(header.group(2)))
            if header.group(1) == "[[":
                index = counts.get(names, -1) + 1
                counts[names] = index
                names = (*names, index)
            elif names[:-1] and names[:-1] in counts:
                names = (*names[:-1], counts[names[:-1]], names[-1])
            here = spelled = names
            array = ()
        else:
            key = _KEY.match(line)
            if not key:
                continue
            spelled = (*here, *(a or b or c for a, b, c in _WORD.findall(key.group(1))))
            array, entries = (spelled if line.rstrip().endswith("[") else ()), 0
        if spelled == wanted[: len(spelled)] and (best is None or len(spelled) > best[0]):
            best = (len(spelled), number)
    return None if best is None else best[1]
