"""The commands that show violations again, whole and ready to be pasted; no key is ever in them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pollproof.secrets.find import in_command, in_environment
from pollproof.secrets.redact import Redactor


def named(provider: str) -> str:
    """A provider as people would type it: a bundled name, or a contract file below the current folder."""
    path = Path(provider)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return provider


def check_command(
    provider: str,
    files: Sequence[str],
    *,
    base_url: str | None = None,
    together: bool = False,
    whole: bool = False,
    strict: bool = False,
    **_: Any,
) -> str:
    """The command that judges recordings in the same way again."""
    words = ["pollproof", "check", named(provider), *files]
    words += [f"--{flag}" for flag, given in (("together", together), ("whole", whole), ("strict", strict)) if given]
    return shlex.join([*words, *([] if base_url is None else ["--base-url", base_url])])


def gate_command(
    provider: str,
    command: Sequence[str],
    *,
    clock: str = "auto",
    timeout: float | None = None,
    budget: float | None = None,
    task: str | None = None,
    strict: bool = False,
) -> str:
    """The command that judges a client in the same way again; None stands for what holds without the option."""
    words = ["pollproof", "gate", named(provider), *([] if clock == "auto" else ["--clock", clock])]
    words += [] if timeout is None else ["--timeout", f"{timeout:g}s"]
    words += [] if budget is None else ["--budget", f"{budget:g}s"]
    words += [] if task is None else ["--task", task]
    words += ["--strict"] if strict else []
    redactor = Redactor({*in_command(command), *in_environment(os.environ)}, "KEY")
    return shlex.join([*words, "--", *map(redactor.text, command)])
