"""`pollproof new NAME --document PAGE.md`: the lines of a page laid out as passages, to be read one by one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pollproof.loading.errors import ContractError
from pollproof.loading.files import read
from pollproof.scaffold.errors import ScaffoldError

PASSAGE_LENGTH = 110
"""Characters of a passage that its gist begins with."""

UNREAD = "not-read-yet"
"""The name under which passages are left open until somebody has read them."""


class Lines(NamedTuple):
    """Lines of a page that belong together, under a heading."""

    first: int
    last: int
    heading: str
    text: str


def passages_of(text: str) -> Iterator[Lines]:
    """The paragraphs, list entries and tables of a page of Markdown or plain text; lines in between belong to none."""
    heading, first, last, fenced = "", 0, 0, False
    kept: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        stripped = line.strip()
        fence = stripped.startswith(("```", "~~~"))
        ends = not stripped and not fenced
        begins = not fenced and re.match(r"(#+ |[-*+] |\d+[.)] )", stripped) is not None
        if kept and (ends or begins):
            yield Lines(first, last, heading, " ".join(kept))
            kept = []
        fenced ^= fence
        if stripped.startswith("#") and not fenced:
            heading = stripped.strip("# ")
        if stripped:
            first, last = first if kept else number, number
            kept.append(stripped)


def document_tables(file: Path) -> tuple[str, str]:
    """The source of a page as TOML, and its passages; raises `ScaffoldError`."""
    try:
        text = read(file)
    except ContractError as error:
        raise ScaffoldError(str(error)) from None
    found = list(passages_of(text))
    if not found:
        raise ScaffoldError(f"{file}: there is nothing on the page")
    count = len(text.splitlines())
    ends = [*(each.first - 1 for each in found[1:]), count]  # with the blank lines after them
    found = [
        each._replace(first=each.first if number else 1, last=end)
        for number, (each, end) in enumerate(zip(found, ends, strict=True))
    ]
    title = next((each.text.strip("# ") for each in found if each.text.startswith("#")), file.stem)
    source = f'[sources.page]\ntitle = {json.dumps(title)}\ndocument = {json.dumps(file.name)}\nbasis = "primary"\n'
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    source += f'lines = {count}\ndigest = "{digest}"\n'
    entry = f'\n[[unspecified]]\nname = "{UNREAD}"\nabout = "Passages that nobody has read yet."\n'
    entry += 'reason = "Name their clauses in [passages] instead, or say in `aside` that they state no rule."\n'
    return source, entry + "\n[passages]\n" + "".join(map(_passage, found))


def _passage(lines: Lines) -> str:
    span = str(lines.first) if lines.first == lines.last else f"{lines.first}-{lines.last}"
    place = f", {lines.heading}" if lines.heading else ""
    treated = 'aside = "a heading"' if lines.text.startswith("#") else f'unspecified = ["{UNREAD}"]'
    source = json.dumps(f"page:{span}{place}", ensure_ascii=False)
    content = json.dumps(lines.text[:PASSAGE_LENGTH], ensure_ascii=False)
    return f"{source} = {{ gist = {content}, {treated} }}\n"
