"""Clause ids are permanent: given once, never to another rule, and found under a name that they had before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pollproof import __version__
from pollproof.bundled import bundled
from pollproof.cli.main import cli
from pollproof.contract.model import Clause
from pollproof.loading import identifiers as module
from pollproof.loading import load_contract
from pollproof.loading.identifiers import IdentifierError, aliases, current, faults, lost, read_identifiers
from tests.servers import ROOT

LOCK = ROOT / "contracts" / "ids.lock"
CLAUSES = [clause for name in bundled() for clause in load_contract(name).clauses]
TEXT = LOCK.read_text(encoding="utf-8")
FIRST, SECOND = CLAUSES[0], CLAUSES[1]


def complaints(text: str, clauses: list[Clause] = CLAUSES) -> list[str]:
    return faults(read_identifiers(text), clauses, __version__)


def line_of(clause: Clause) -> str:
    return next(line for line in TEXT.splitlines() if line.startswith(clause.id + " "))


def test_every_clause_has_the_id_that_it_was_given_and_no_id_is_gone() -> None:
    assert complaints(TEXT) == []


def test_no_line_was_ever_taken_out_of_the_lock_file() -> None:
    words = ["git", "log", "--format=", "--patch", "--unified=0", "--", "contracts/ids.lock"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no checkout: the older lock files cannot be read")
    # Line by line, since a history that was cut short has patches from which a whole file cannot be made again.
    older = [
        line[1:] for line in done.stdout.splitlines() if line.startswith("-") and not line.startswith(("---", "-#"))
    ]
    assert lost(read_identifiers("\n".join(older)), read_identifiers(TEXT)) == []


def test_a_line_that_is_taken_out_is_noticed() -> None:
    shorter = TEXT.replace(line_of(FIRST) + "\n", "")
    assert lost(read_identifiers(TEXT), read_identifiers(shorter)) == [FIRST.id]


def test_a_clause_without_a_line_is_told_with_the_line_to_add() -> None:
    shorter = TEXT.replace(line_of(FIRST) + "\n", "")
    [complaint] = complaints(shorter)
    added = complaint.partition("add the line: ")[2]
    assert added
    assert complaints(shorter + added) == []


def test_an_id_whose_clause_is_gone_must_say_where_it_went() -> None:
    rest = CLAUSES[1:]
    assert complaints(TEXT, rest) == [
        f"{FIRST.id} has no clause; say '-> NEW' or 'withdrawn' in its line, and keep the line"
    ]
    line = line_of(FIRST)
    assert complaints(TEXT.replace(line, f"{line} withdrawn"), rest) == []
    assert complaints(TEXT.replace(line, f"{line} -> {SECOND.id}"), rest) == []
    assert complaints(TEXT.replace(line, f"{line} -> {FIRST.id}"), rest) == [
        f"{FIRST.id} leads to {FIRST.id}, where no clause is"
    ]


def test_an_id_that_was_withdrawn_or_renamed_is_never_given_again() -> None:
    line = line_of(FIRST)
    assert complaints(TEXT.replace(line, f"{line} withdrawn")) == [f"{FIRST.id} was withdrawn, and is not given again"]
    renamed = complaints(TEXT.replace(line, f"{line} -> {SECOND.id}"))
    assert renamed == [f"{FIRST.id} was renamed, and is not given again"]
    assert complaints(TEXT + line) == [f"{FIRST.id} was given twice"]


def test_an_id_is_not_given_to_a_rule_of_another_kind() -> None:
    other = replace(FIRST, kind="terminal")
    [complaint] = complaints(TEXT, [other, *CLAUSES[1:]])
    assert complaint.startswith(f"{FIRST.id} meant something else ({FIRST.subject.value}, {FIRST.kind})")


def test_a_line_that_cannot_be_read_is_told_with_its_number() -> None:
    with pytest.raises(IdentifierError, match=r"ids\.lock, line 2: expected 'ID VERSION SUBJECT KIND"):
        read_identifiers("# a comment\ncapsolver.x 0.1.0 provider\n")


@pytest.fixture
def renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lock file in which an id was renamed twice."""
    extra = "capsolver.oldest 0.0.1 provider terminal -> capsolver.old\ncapsolver.old 0.0.2 provider terminal -> "
    (tmp_path / "ids.lock").write_text(TEXT + extra + "capsolver.poll.terminal\n", encoding="utf-8")
    monkeypatch.setattr(module, "folder", lambda name: tmp_path)
    aliases.cache_clear()
    yield
    aliases.cache_clear()


@pytest.mark.usefixtures("renamed")
def test_a_renamed_clause_is_found_under_its_older_names() -> None:
    assert current("capsolver.oldest or capsolver.poll.order") == "capsolver.poll.terminal or capsolver.poll.order"
    for name in ("capsolver.oldest", "capsolver.old", "capsolver.poll.terminal"):
        result = CliRunner().invoke(cli, ["explain", name])
        assert result.exit_code == 0
        assert result.output.startswith("capsolver.poll.terminal ")
    golden = str(ROOT / "cassettes" / "capsolver" / "bad" / "capsolver.poll.terminal.yaml")
    result = CliRunner().invoke(
        cli, ["check", "capsolver", golden, "-k", "capsolver.oldest", "--require", "capsolver.old"]
    )
    assert result.exit_code == 1
    assert "capsolver.poll.terminal MUST violated" in result.output


def test_a_name_that_no_clause_ever_had_is_told() -> None:
    result = CliRunner().invoke(cli, ["explain", "capsolver.oldest"])
    assert result.exit_code == 2
    assert "'capsolver.oldest' is not a clause" in result.output
