"""A kind is one place: its page is made from it, its walks are there, and each says what would exercise it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pollproof.bundled import bundled
from pollproof.clauses import KINDS, Kind
from pollproof.cli.main import cli
from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.report.coverage import exercising
from pollproof.verify.walks import WALKS

ROOT = Path(__file__).resolve().parents[2]
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def test_the_page_of_kinds_is_what_the_kinds_declare() -> None:
    page = (ROOT / "docs" / "clause-kinds.md").read_text(encoding="utf-8")
    made = CliRunner().invoke(cli, ["clauses", "--kinds", "--markdown"]).output
    assert page == made, "run: pollproof clauses --kinds --markdown > docs/clause-kinds.md"
    for kind in KINDS.values():
        assert f"| `{kind.name}` | {kind.sentence}" in page


@EVERY
def test_the_walks_of_a_kind_are_there(kind: Kind) -> None:
    assert set(kind.walks) <= {walk.name for walk in WALKS}
    assert bool(kind.walks) == (kind.subjects[0] is Subject.PROVIDER)


@EVERY
def test_a_kind_says_its_rule_in_one_sentence(kind: Kind) -> None:
    assert kind.sentence.endswith(".")
    assert len(kind.sentence) < 130


def test_each_clause_says_what_would_exercise_it() -> None:
    for name in bundled():
        contract = load_contract(name)
        for clause in contract.clauses:
            assert exercising(contract, clause)


@EVERY
def test_a_hint_is_one_imperative_sentence(kind: Kind) -> None:
    assert kind.hint == "" or (kind.hint.endswith(".") and kind.hint[0].isupper() and len(kind.hint) < 120)
