"""Baselines: known violations do not fail a run, and everything about them that changes does."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from pollproof.bundled import folder
from pollproof.cli.main import cli
from pollproof.report.junit import junit_of
from pollproof.runs.baselines import (
    Baseline,
    BaselineEntry,
    BaselineError,
    entries_for,
    judged,
    mark_known,
    outcome_with,
    parse_baseline,
)
from pollproof.runs.outcome import decided, failing

SCHEMA = json.loads((folder("schemas") / "pollproof" / "baseline.schema.json").read_text(encoding="utf-8"))
REPORT = json.loads((folder("schemas") / "pollproof" / "report.schema.json").read_text(encoding="utf-8"))
TODAY = date(2026, 5, 1)
TERMINAL = "capsolver.poll.terminal"
BAD = folder("cassettes") / "capsolver" / "bad" / f"{TERMINAL}.yaml"


def document(**verdicts: str) -> dict[str, Any]:
    more = {"level": "MUST", "violation": None}
    clauses = [{"id": name, "verdict": verdict, **more} for name, verdict in verdicts.items()]
    return {"target": "http://127.0.0.1:80", "clauses": clauses}


def entry(
    clause: str = "a",
    target: str = "http://127.0.0.1:*",
    flaky: bool = False,
    day: date = TODAY,
    verdict: str = "violated",
) -> BaselineEntry:
    return BaselineEntry(clause, target, "it is known", "", day, flaky, verdict)


def states(*entries: BaselineEntry, partial: bool = False, **verdicts: str) -> list[str]:
    told = judged([document(**verdicts)], Baseline("known.toml", entries), TODAY, partial=partial)
    return [one["state"] for one in told["entries"]]


def test_a_known_violation_does_not_fail_a_run_and_another_one_does() -> None:
    (found,) = mark_known([document(a="violated", b="violated")], Baseline("known.toml", (entry(),)), TODAY)
    assert [clause["id"] for clause in failing(found, strict=False)] == ["b"]
    assert found["clauses"][0]["known"] == "it is known"


@pytest.mark.parametrize(
    ("given", "verdicts", "state", "outcome"),
    [
        (entry(), {"a": "violated"}, "known", "passed"),
        (entry(), {"a": "held"}, "stale", "violated"),
        (entry(), {"a": "unexercised"}, "unexercised", "inconclusive"),
        (entry("b"), {"a": "held"}, "unmatched", "violated"),
        (entry(target="http://elsewhere"), {"a": "violated"}, "unmatched", "violated"),
        (entry(day=date(2026, 4, 30)), {"a": "violated"}, "expired", "violated"),
        (entry(day=date(2026, 4, 30)), {"a": "held"}, "expired", "violated"),
        (entry(flaky=True), {"a": "violated"}, "flaky, violated", "passed"),
        (entry(flaky=True), {"a": "held"}, "flaky, held", "passed"),
        (entry(flaky=True, day=date(2026, 4, 30)), {"a": "held"}, "expired", "violated"),
        (entry(verdict="unexercised"), {"a": "unexercised"}, "accepted", "passed"),
        (entry(verdict="unexercised"), {"a": "held"}, "stale", "violated"),
        (entry(verdict="unexercised"), {"a": "violated"}, "violated", "passed"),
        (entry(verdict="unexercised", day=date(2026, 4, 30)), {"a": "unexercised"}, "expired", "violated"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_becomes_of_an_entry(given: BaselineEntry, verdicts: dict[str, str], state: str, outcome: str) -> None:
    told = judged([document(**verdicts)], Baseline("known.toml", (given,)), TODAY)
    (found,) = told["entries"]
    assert found["state"] == state
    assert ("problem" in found) is (outcome == "violated")
    assert outcome_with("passed", told) == outcome
    assert outcome_with("violated", told) == "violated"


def test_an_accepted_clause_leaves_a_run_conclusive_and_its_cuts_too() -> None:
    first, other = ({"id": name, "verdict": "unexercised", "level": "MUST", "cause": "clock"} for name in "ab")
    whole = {**document(c="held"), "mode": "verify", "complete": True, "error": None, "coverage": {}}
    whole["clauses"] += [first, other]
    whole["cuts"] = [{"reason": "the wait was over", "cause": "clock"}]
    entries = [entry(name, verdict="unexercised") for name in "ab"]
    (one,) = mark_known([whole], Baseline("known.toml", tuple(entries[:1])), TODAY)
    assert decided(one)["causes"] == ["the wait was over", "1 MUST not exercised: b"]
    (both,) = mark_known([whole], Baseline("known.toml", tuple(entries)), TODAY)
    assert both["clauses"][1]["accepted"] == "it is known"
    assert decided(both)["outcome"] == "passed"


def test_what_is_wrong_with_an_entry_is_told_with_its_place() -> None:
    (found,) = judged([document(abc="held")], Baseline("known.toml", (entry("abd"),)), TODAY)["entries"]
    expected = "known.toml, entry 1: abd is not a clause of what was judged; did you mean 'abc'?"
    assert found["problem"] == expected


def test_entries_of_clauses_that_were_not_asked_about_are_left_alone() -> None:
    assert states(entry("b"), a="held", partial=True) == ["not judged"]


def test_an_expired_entry_does_not_hide_the_violation() -> None:
    old = Baseline("known.toml", (entry(day=date(2026, 4, 30)),))
    (found,) = mark_known([document(a="violated")], old, TODAY)
    assert "known" not in found["clauses"][0]


GOOD = '[[known]]\nclause = "a"\ntarget = "t"\nreason = "r"\nexpires = 2026-05-01\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace('"r"', '" "'), "known.toml, line 4: 'known[0].reason': entry 1 has no reason"),
        (GOOD.replace("2026-05-01", '"soon"'), "known.toml, line 5: 'known[0].expires': 'soon' does not have the form"),
        (GOOD.replace("2026-05-01", '"2026-02-30"'), "'2026-02-30' is not a day"),
        (GOOD.replace('target = "t"\n', ""), "the key 'target' is missing"),
        (GOOD.replace("reason", "reasons"), "the key 'reason' is missing; did you mean it by 'reasons'?"),
        (GOOD + GOOD, "entry 2 says the same as entry 1"),
        ("[[known", "known.toml: no TOML"),
        ("other = 1", "unknown key 'other'"),
    ],
)
def test_a_bad_file_gets_one_sentence_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(BaselineError) as caught:
        parse_baseline(text, "known.toml", SCHEMA)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_written_entries_are_a_baseline_that_knows_what_was_violated() -> None:
    broken = document(a="violated", b="held")
    broken["target"] = 'say "it" \\ \x7f \u00e4'
    text = entries_for([broken], TODAY)
    assert "expires = 2026-07-30\n" in text
    baseline = parse_baseline(text, "known.toml", SCHEMA)
    (found,) = mark_known([broken], baseline, TODAY)
    assert failing(found, strict=True) == []
    assert entries_for([found], TODAY).startswith("# no violation")


def check(*words: str) -> Result:
    return CliRunner().invoke(cli, ["check", "capsolver", str(BAD), *words])


@pytest.fixture
def first_of_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.cli.baselines.today", lambda: TODAY)


@pytest.mark.usefixtures("first_of_may")
def test_the_command_writes_a_baseline_and_passes_with_it_until_it_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, report = tmp_path / "known.toml", tmp_path / "report.json"
    assert check("--write-baseline", str(known)).exit_code == 1
    assert check("--write-baseline", str(known)).exit_code == 2, "an existing file is kept"
    done = check("--baseline", str(known), "--json", str(report))
    assert done.exit_code == 0, done.output
    assert f"known: {TERMINAL}, until 2026-07-30: TODO" in done.output
    assert "0 violations, 2 known" in done.output
    told = json.loads(report.read_text(encoding="utf-8"))
    Draft202012Validator(REPORT).validate(told)
    assert told["baseline"]["entries"][0]["state"] == "known"
    assert '<skipped message="known violation: TODO' in junit_of([told])
    monkeypatch.setattr("pollproof.cli.baselines.today", lambda: date(2026, 7, 31))
    done = check("--baseline", str(known))
    assert done.exit_code == 1
    assert "was to be looked at again by 2026-07-30" in done.output


@pytest.mark.usefixtures("first_of_may")
def test_a_stale_entry_fails_the_run_with_one_sentence(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(GOOD.replace('"a"', '"capsolver.poll.echo"').replace('"t"', '"*"'), encoding="utf-8")
    done = check("--baseline", str(known), "-k", "echo")
    assert done.exit_code == 1
    assert (
        "entry 1: capsolver.poll.echo held, so it is not a known violation any more; take the entry out" in done.output
    )


def test_a_baseline_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(GOOD.replace('"r"', '""'), encoding="utf-8")
    assert check("--baseline", str(tmp_path / "known.toml")).exit_code == 2
    assert check("--baseline", str(tmp_path / "none.toml")).exit_code == 2
    assert check("--baseline", str(tmp_path / "known.toml"), "--shard", "1/1").exit_code == 2
