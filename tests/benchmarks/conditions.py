"""What the figures were measured with: the machine, its load, and the versions of what takes part.

Nothing in it says whose machine it was: no names of hosts or users, no paths.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = (
    "hypothesis",
    "jsonschema-rs",
    "lxml",
    "pollproof",
    "pytest",
    "pytest-httpserver",
    "pytest-xdist",
    "PyYAML",
    "requests",
    "vcrpy",
    "xmlschema",
)
PROGRAMS = ("node", "curl")


def load() -> list[float] | None:
    """The load averages of one, five and fifteen minutes, where the system tells them."""
    try:
        return [round(value, 2) for value in os.getloadavg()]
    except (AttributeError, OSError):
        return None


def machine() -> dict[str, Any]:
    """The machine: processor, cores that may be used, system, and Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "cores": cores,
        "system": platform.system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def processor() -> str:
    """The model of the processor, or at least its architecture."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", told.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if found:
            return " ".join(found[1].split())
    if platform.system() == "Darwin":
        return _first_line(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.machine()
    return platform.machine()


def versions(schemathesis: str | None) -> dict[str, str]:
    """The versions of libraries and programs that take part, of those that are there."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    commands = {name: name for name in PROGRAMS if shutil.which(name)}
    if schemathesis is not None:
        commands["schemathesis"] = schemathesis
    for name, command in commands.items():
        number = re.search(r"\d+(\.\d+)+", _first_line([command, "--version"]))
        if number:
            found[name] = number[0]
    return found


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return ""
    return next(iter(done.stdout.splitlines()), "")
