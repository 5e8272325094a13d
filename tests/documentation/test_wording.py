"""The rules of wording hold where people read: words that others replace are found, with what to write instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ROOT

FORBIDDEN = {
    r"(?i)(?<!there )\bis no (?!longer|such)": "is not a",
    r"(?i)(?<!there )\bare no (?!longer)": "are not",
    r"\btold\b(?! apart)": "reported, printed, given",
    r"\basks? for\b": "polls, requests, creates",
    r"\basked (?:for|again|about)\b|\bwas asked\b": "polled, requested",
    r"\bwrong on purpose\b": "deliberately invalid",
    r"\bfor ever\b": "without end",
    r"\bonce more\b": "a second time",
    r"\bconvicts?\b": "detects",
    r"\b[Ss]ee it again\b": "reproduce",
    r"\bbroken rules?\b": "violated clause",
    r"\bsides? of deadlines?\b": "deadline boundary",
    r"\bchanges? of phase\b": "transition",
    r"\blawful\b": "conforming, legal, documented",
    r"\bquestions? for\b|\bwhich none gave\b": "poll",
}
"""What is not written where people read it, and what is written instead."""

EXCEPTIONS = {
    "this is no task id": "an ill-formed id that is sent",
    "a callback that is no boolean": "the name of a probe, which stands in recordings",
}
"""Words that are data."""

VISIBLE_DOCSTRINGS = ("click.command", "click.group", "Kind(")
"""Decorators of functions whose docstrings people read: helps of commands, sentences of kinds."""

PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "contracts").glob("*.toml")),
    *sorted((ROOT / "src").glob("**/*.jinja")),
]


def docstrings(tree: ast.AST) -> set[int]:
    """The docstrings that only readers of the code see, by identity; those of attributes among them."""
    found: set[int] = set()
    for node in ast.walk(tree):
        decorators = [ast.unparse(each) for each in getattr(node, "decorator_list", ())]
        if any(each.startswith(VISIBLE_DOCSTRINGS) for each in decorators):
            continue
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                found.add(id(statement.value))
    return found


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """The texts of a module that people may read, each with its line."""
    tree = ast.parse(source)
    hidden = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            yield node.lineno, node.value


def problems(place: str, text: str) -> Iterator[str]:
    """What is wrong with a text, with what to write instead."""
    for words in EXCEPTIONS:
        text = text.replace(words, "")
    for pattern, instead in FORBIDDEN.items():
        for found in re.finditer(pattern, text):
            around = text[max(0, found.start() - 30) : found.end() + 30].replace("\n", " ")
            yield f"{place}: '{around}': write {instead}"


def test_texts_of_the_program_keep_the_rules_of_wording() -> None:
    found = [
        problem
        for path in sorted((ROOT / "src").glob("**/*.py"))
        for line, text in texts_of(path.read_text(encoding="utf-8"))
        for problem in problems(f"{path.relative_to(ROOT)}:{line}", text)
        if "(?:" not in text  # a pattern that reads what older versions wrote
    ]
    assert found == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_and_contracts_keep_the_rules_of_wording(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [problem for number, line in enumerate(lines, 1) for problem in problems(f"{path.name}:{number}", line)]
    assert found == []


def test_a_forbidden_word_is_found() -> None:
    source = 'def f():\n    """It is no error."""\n    raise E(f"\'{x}\' is no duration")\n'
    assert [line for line, text in texts_of(source) if list(problems("x", text))] == [3]
    helped = '@click.command()\ndef f():\n    """A lawful client."""\n'
    assert [text for _, text in texts_of(helped) if list(problems("x", text))] == ["A lawful client."]
    assert not list(problems("x", "there is no task, it is no longer there, they are told apart"))
