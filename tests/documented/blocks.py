"""The blocks of code in Markdown files, and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SHELL = frozenset({"sh", "bash", "shell", "console"})
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\s*- run: (?P<command>.+)$")
_SCRIPT = re.compile(r"# (?P<name>\w+\.py)\n")


class Block(NamedTuple):
    """One block: the file and the line of its first line, its language, and its text."""

    file: str
    line: int
    language: str
    text: str

    @property
    def script(self) -> str | None:
        """The name of the script that a block of Python says it is, in its first line."""
        match = _SCRIPT.match(self.text)
        return match["name"] if match is not None else None


class Command(NamedTuple):
    """One command with the place where it stands."""

    file: str
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def blocks_of(path: Path, name: str) -> list[Block]:
    """The blocks of a Markdown file."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(name, text.count("\n", 0, match.start()) + 2, match["language"], match["text"])
        for match in _BLOCK.finditer(text)
    ]


def commands_of(block: Block) -> list[Command]:
    """The commands of a block: the lines of a shell, the `run` steps of a workflow; none of another language."""
    if block.language in SHELL:
        lines = list(_lines(block.text))
    elif block.language in ("yaml", "yml"):
        steps = [(number, _STEP.match(line)) for number, line in enumerate(block.text.splitlines())]
        lines = [(number, step["command"]) for number, step in steps if step is not None]
    else:
        return []
    return [
        Command(block.file, block.line + number, part.strip())
        for number, line in lines
        for part in _bare(line).split(" && ")
        if part.strip()
    ]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; one that ends in a backslash goes on in the next."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines()):
        if not whole:
            first = number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        yield first, whole + line
        whole = ""


def _bare(line: str) -> str:
    """A line without its comment and without a prompt."""
    return re.sub(r"(^|\s)#\s.*$", "", line).strip().removeprefix("$ ")
