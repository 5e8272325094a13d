"""How a run was started, for its report: the command line without secrets, and the versions of what it depends on."""

from __future__ import annotations

import platform
import shlex
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pollproof.secrets.find import in_command
from pollproof.secrets.redact import MASK, Redactor
from pollproof.version import __version__

PACKAGES = ("hypothesis", "jsonschema-rs", "lxml", "pytest")
"""Packages whose versions a report states."""


def command_line(redactor: Redactor) -> str | None:
    """The command line of this process with keys masked; None where Python code called pollproof."""
    file = Path(sys.argv[0]) if sys.argv else Path()
    name = file.parent.name if file.name == "__main__.py" else file.stem
    if name not in ("pollproof", "pytest"):
        return None
    words = sys.argv[1:]
    own = Redactor(in_command(words))
    # Before they are quoted: quoting would take a key with an apostrophe apart.
    masked = shlex.join([name, *(redactor.text(own.text(word)) for word in words)])
    return redactor.text(masked.replace(shlex.quote(MASK), MASK))


@cache
def versions() -> dict[str, str]:
    """The versions of pollproof, of Python, of the platform, and of the packages that decide verdicts."""
    machine = f"{platform.system()}-{platform.release()}-{platform.machine()}"  # all else may start a program
    found = {"pollproof": __version__, "python": platform.python_version(), "platform": machine}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
