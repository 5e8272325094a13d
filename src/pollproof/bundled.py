"""Where the bundled data lives: inside the installed package, or beside the sources in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `contracts`, `schemas` or `cassettes`."""
    inside = _PACKAGE / name
    if inside.is_dir() and (name != "contracts" or any(inside.glob("*.toml"))):
        return inside
    return _PACKAGE.parent.parent / name


def bundled() -> tuple[str, ...]:
    """The names of the bundled contracts, sorted."""
    return tuple(sorted(path.stem for path in folder("contracts").glob("*.toml")))
