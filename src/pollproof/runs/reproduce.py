"""How a run is named on the command line, so that it can be reproduced."""

from __future__ import annotations

from pathlib import Path


def provider_argument(provider: str) -> str:
    """A provider as people would type it: a bundled name, or a contract file below the current folder."""
    path = Path(provider)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return provider
