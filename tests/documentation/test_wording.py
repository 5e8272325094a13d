"""The rules of wording hold where people read: words that others replace are found, with what to write instead."""

from __future__ import annotations

import ast
import io
import re
import tokenize
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
    r"\b(?:[Aa]n|[Tt]he|[Nn]o|[Ee]ach|[Ee]very|[Ii]ts|final|last|first|whose) answer\b": "response",
}
"""What is not written where people read it, and what is written instead."""

EXCEPTIONS = {
    "this is no task id": "an ill-formed id that is sent",
    "a callback that is no boolean": "the name of a probe, which stands in recordings",
    "no answer": "why there is no response, as recordings of older versions have it",
}
"""Words that are data."""

FORBIDDEN_NAMES = re.compile(
    r"(?:^|_)(?:told|asked|asks|tells|gists|flights?|blame|aftermath|staging|convicts?|unlawful|lawful)(?:_|$)"
)
"""Words that no name in the code has, where snake_case or CamelCase puts them apart."""

PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "contracts").glob("*.toml")),
    *sorted((ROOT / "src").glob("**/*.jinja")),
]


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """The texts of a module that people may read, docstrings and comments among them, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names_of(source: str) -> Iterator[tuple[int, str]]:
    """The names of a module, of what it defines and of what it uses, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def forbidden(name: str) -> bool:
    """Whether a name has a word in it that no name in the code has."""
    return FORBIDDEN_NAMES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) is not None


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


def test_names_of_the_program_keep_the_rules_of_wording() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / "src").glob("**/*.py"))
        for line, name in names_of(path.read_text(encoding="utf-8"))
        if forbidden(name)
    ]
    assert found == []


def test_a_forbidden_word_is_found() -> None:
    source = 'def f():\n    """It is no error."""\n    raise E(f"\'{x}\' is no duration")  # it is told\n'
    assert sorted(line for line, text in texts_of(source) if list(problems("x", text))) == [2, 3, 3]
    assert not list(problems("x", "there is no task, it is no longer there, they are told apart"))


def test_a_forbidden_name_is_found() -> None:
    source = "class Flight: ...\n\n\ndef f(asked_for, basked, told): ...\n"
    assert [name for _, name in names_of(source) if forbidden(name)] == ["Flight", "asked_for", "told"]
