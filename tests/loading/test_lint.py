"""`pollproof lint`: what is hollow in a contract is named, with line, reason and remedy; what is not is let pass."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pollproof.bundled import bundled
from pollproof.loading import load_contract
from pollproof.loading.lint import LintFinding, lint
from pollproof.loading.locate import line_of
from tests.servers import ROOT, pollproof

APIS = ROOT / "tests" / "apis"
TEXT = (APIS / "press.toml").read_text(encoding="utf-8")


def linted(folder: Path, text: str) -> list[LintFinding]:
    shutil.copytree(APIS / "schemas", folder / "schemas")
    file = folder / "press.toml"
    file.write_text(text, encoding="utf-8")
    return lint(load_contract(file), text)


def errors(findings: list[LintFinding]) -> list[str]:
    return [f"{each.rule}: {each.what}: {each.reason}" for each in findings if each.level != "note"]


@pytest.mark.parametrize("name", [*bundled(), *(str(path) for path in sorted(APIS.glob("*.toml")))])
def test_what_is_proved_has_no_errors(name: str) -> None:
    contract = load_contract(name)
    text = Path(contract.origin).read_text(encoding="utf-8")
    assert [each for each in lint(contract, text) if each.level == "error"] == []


def added(lines: str) -> str:
    """The contract with one clause more, of these keys."""
    keys = ", ".join(lines.splitlines())
    entry = f'  {{ id = "press.added", {keys}, source = ["page, added"], text = "It is added." }},'
    return TEXT.replace("\n]\n", f"\n{entry}\n]\n", 1)


HOLLOW = [
    (
        'kind = "answer"\nto = "succeeded"\nwhere = [{ at = "response#/id", same_as = "response#/id" }]',
        "judges-nothing: press.added: response#/id is compared with itself",
    ),
    (
        'kind = "batch-entries"\nnames = ["query"]',
        "never-exercised: press.added: the contract has no operation of role batch",
    ),
    ('kind = "answer"\nto = "nothing"', "judges-nothing: press.added: it demands nothing"),
    ('kind = "answer"\nto = "ill-formed-task"\nhttp = 400', "press.added: [task_id] has no ill_formed ids"),
    ('kind = "shape"\noperation = "output"', "judges-nothing: press.added: 'output' has no response_schema"),
    ('kind = "json-text"\nat = "response#/note"', "no-mutant: press.added: no mutant shows that it can fail"),
    ('kind = "passthrough"', "never-exercised: press.added: no passthrough is given in [operations.webhook]"),
    ('kind = "batch-rate"\nseconds = 5', "never-exercised: press.added: the contract has no operation of role batch"),
]


@pytest.mark.parametrize(("lines", "expected"), HOLLOW, ids=[lines.replace("\n", " ") for lines, _ in HOLLOW])
def test_a_hollow_clause_is_named_with_its_line(lines: str, expected: str, tmp_path: Path) -> None:
    text = added(lines)
    findings = [each for each in linted(tmp_path, text) if each.what == "press.added" and each.level != "note"]
    assert any(expected in f"{each.rule}: {each.what}: {each.reason}" for each in findings), errors(findings)
    line = text[: text.index("press.added")].count("\n") + 1
    assert {each.line for each in findings} <= {line}


CHANGES = [
    ("limits", "lifetime = 86400", "lifetime = 86400\nbatch_size = 3", "unjudged-limit: limits.batch_size"),
    (
        "pointer",
        'progress = "response#/progress"',
        'progress = "response#/progres"',
        "fits-nothing: operations.poll.progress",
    ),
    ("sample", 'scene = "a teapot, view {number}"', "scene = 7", "invalid-sample: operations.create"),
    ("equal probe", 'set = { "/scene" = 7 }', 'remove = ["/none"]', "equal-probe: the probe 'scene-of-another-type'"),
    (
        "unnamed probe",
        '["missing-field", "scene-of-another-type"]',
        '"missing-field"',
        "unnamed-probe: the probe 'scene-of-another-type'",
    ),
    ("rates", 'to = "too-many"', 'to = "busy"', "unjudged-limit: rates"),
]


@pytest.mark.parametrize(("old", "new", "expected"), [each[1:] for each in CHANGES], ids=[each[0] for each in CHANGES])
def test_a_hollow_part_is_named(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in TEXT
    found = errors(linted(tmp_path, TEXT.replace(old, new, 1)))
    assert any(each.startswith(expected) for each in found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[limits]\n", '[limits]\ncancel_while = ["waiting"]\n', "limits.cancel_while: 'waiting' is not"),
        ("echo = ", 'etag = "response#/etag"\necho = ', ".etag: response#/etag is not a header"),
    ],
)  # fmt: skip
def test_what_can_never_match_is_an_error(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in TEXT
    assert [each for each in errors(linted(tmp_path, TEXT.replace(old, new, 1))) if expected in each]


def test_the_command_writes_json_and_sarif_and_ends_with_1_on_errors(tmp_path: Path) -> None:
    linted(tmp_path, added('kind = "passthrough"'))
    files = [tmp_path / "lint.json", tmp_path / "lint.sarif"]
    done = pollproof("lint", str(tmp_path / "press.toml"), "--json", str(files[0]), "--sarif", str(files[1]))
    assert done.returncode == 1, done.stderr
    assert "error: press.added: no passthrough is given" in done.stdout
    found = json.loads(files[0].read_text(encoding="utf-8"))["findings"]
    assert {"rule", "level", "line", "about", "reason", "remedy"} == set(found[0])
    [run] = json.loads(files[1].read_text(encoding="utf-8"))["runs"]
    assert [result["ruleId"] for result in run["results"]] == [each["rule"] for each in found]
    assert pollproof("lint", "capsolver").returncode == 0


def test_a_clause_on_a_line_of_its_own_is_found() -> None:
    text = 'clauses = [\n  { id = "a" },\n  { id = "b", kind = "echo" },\n]\n\n[provider]\nname = "x"\n'
    assert line_of(text, ["clauses", 1, "kind"]) == 3
    assert line_of(text, ["provider", "name"]) == 7


def test_an_error_that_is_judged_by_the_schema_of_the_task_is_named(tmp_path: Path) -> None:
    shutil.copytree(APIS / "schemas", tmp_path / "schemas")
    file = tmp_path / "reelcast.toml"
    text = (APIS / "reelcast.toml").read_text(encoding="utf-8")
    for words, expected in (("", []), (', when = "accepted"', ["reelcast.create.shape", "reelcast.poll.shape"])):
        changed = text.replace(words, "") if words else text
        file.write_text(changed, encoding="utf-8")
        assert [each.what for each in lint(load_contract(file), changed) if each.rule == "error-shape"] == expected


def test_an_id_that_the_client_chooses_is_new_in_every_run(tmp_path: Path) -> None:
    shutil.copytree(APIS / "schemas", tmp_path / "schemas")
    file = tmp_path / "ledgerly.toml"
    text = (APIS / "ledgerly.toml").read_text(encoding="utf-8")
    for changed, expected in ((text, []), (text.replace("{unique}", "{number}-2026"), ["tasks.statement"])):
        file.write_text(changed, encoding="utf-8")
        assert [each.what for each in lint(load_contract(file), changed) if each.rule == "repeated-id"] == expected
