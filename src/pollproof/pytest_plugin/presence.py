"""Whether the compliance suite is among what pytest runs."""

from __future__ import annotations

from pathlib import Path

SETTINGS = "suite.ini"
"""The settings beside the compliance suite, by which a copy of it is known wherever it stands."""


def is_suite(path: Path) -> bool:
    """Whether a file or folder is one of the compliance suite or of a copy of it."""
    try:
        settings = (path if path.is_dir() else path.parent) / SETTINGS
        return settings.is_file() and b"pollproof" in settings.read_bytes()
    except (OSError, ValueError):
        return False
