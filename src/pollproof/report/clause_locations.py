"""Where the clauses of a contract are written: the file and the line that code scanning points at."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from pollproof.bundled import folder
from pollproof.contract.model import Contract

_HEADER = re.compile(r"^\s*\[\[\s*clauses\s*\]\]")


def defined_in(contract: Contract) -> dict[str, dict[str, Any]]:
    """The place of each clause by its id; empty where the file cannot be read any more."""
    path = Path(contract.origin)
    lines = _lines(path)
    if len(lines) != len(contract.clauses):
        return {}
    file, bundled = _shown(path)
    return {
        clause.id: {"file": file, "line": line, "bundled": bundled}
        for clause, line in zip(contract.clauses, lines, strict=True)
    }


@cache
def _lines(path: Path) -> tuple[int, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ()
    return tuple(number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line))


def _shown(path: Path) -> tuple[str, bool]:
    """A file as others may know it: relative to the bundled ones or to the current folder, else its name alone."""
    whole = path.resolve()
    for base, bundled in ((folder("contracts").parent, True), (Path.cwd(), False)):
        if whole.is_relative_to(base):
            inside = bundled and whole.parent == folder("contracts").resolve()
            if inside or not bundled:
                return whole.relative_to(base).as_posix(), bundled
    return path.name, False
