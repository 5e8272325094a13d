"""`pollproof new` and the guide: what is written works as it is, and what the guide says can be done can be done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pollproof.bundled import bundled
from pollproof.clauses import KINDS
from pollproof.clauses.kinds import parameter_names
from pollproof.clock import ShiftedClock
from pollproof.contract.conditions import COMPARISONS
from pollproof.contract.model import ANSWERS, MARKS, PROBES, Effect, Phase, Role
from pollproof.contract.templates import with_value, without
from pollproof.loading import ContractError, load_contract
from pollproof.proof import prove
from pollproof.proof.mutants import mutant_named
from pollproof.reference.server import serve
from pollproof.scaffold import SCHEMAS
from pollproof.trace.shapes import Shape
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore
from tests.documented.guide import (
    GUIDE,
    add_clause,
    add_passage,
    add_short_clauses,
    rename_in_schemas,
    rename_status,
)
from tests.lanes import only
from tests.servers import pollproof

FILES = ["my-api.toml", *(f"schemas/my-api/{file}" for file in SCHEMAS)]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    done = pollproof("new", "my-api", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    return tmp_path


def refused(*words: str) -> str:
    done = pollproof("new", *words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_it_says_what_it_wrote_and_what_to_do_next(tmp_path: Path) -> None:
    done = pollproof("new", "my-api", "--folder", str(tmp_path / "deep" / "er"))
    folder = tmp_path / "deep" / "er"
    assert done.returncode == 0
    assert files(folder) == set(FILES)
    assert all(f"wrote {folder / file}" in done.stdout for file in FILES)
    assert f"pollproof verify {folder / 'my-api.toml'}" in done.stdout
    assert "@" not in "".join((folder / file).read_text(encoding="utf-8") for file in FILES)


def test_what_it_writes_is_held_and_leaves_nothing_unexercised(begun: Path) -> None:
    report = begun / "report.json"
    done = pollproof("verify", str(begun / "my-api.toml"), "--require-all", "--json", str(report), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    clauses = json.loads(report.read_text(encoding="utf-8"))["clauses"]
    assert len(clauses) > 25
    assert {clause["verdict"] for clause in clauses} == {"held"}


@pytest.mark.parametrize("clauses", only(["poll", None], ["poll"]))
def test_every_clause_of_it_has_a_mutant_that_only_it_kills_and_a_variant_that_it_lets_pass(
    clauses: str | None, begun: Path
) -> None:
    matrix = prove(load_contract(begun / "my-api.toml"), clauses)
    assert matrix.mutants
    assert matrix.problems() == []


def test_its_samples_have_their_shapes_and_its_corruptions_break_their_clauses(begun: Path) -> None:
    contract = load_contract(begun / "my-api.toml")
    collection = json.loads((begun / "schemas" / "my-api" / "samples.json").read_text(encoding="utf-8"))

    def broken(sample: Any, value: Any) -> set[str]:
        operation = contract.operations[sample["operation"]]
        schema = operation.request_schema if sample["part"] == "request" else operation.response_schema
        assert schema is not None
        rules = {error.rule for error in Shape(contract.schemas[schema]).check(value)}
        return {
            clause.id
            for clause in contract.clauses
            if clause.kind == "shape"
            and (clause.parameters.operation, clause.parameters.part) == (sample["operation"], sample["part"])
            and clause.parameters.rule in rules
        }

    def changed(value: Any, change: Any) -> Any:
        for pointer in change.get("remove", ()):
            value = without(value, pointer)
        for pointer, item in change.get("set", {}).items():
            value = with_value(value, pointer, item)
        return value

    values = {}
    for sample in collection["samples"]:
        text = sample["original"]
        for repair in sample["repairs"]:
            assert text.count(repair["from"]) == 1
            text = text.replace(repair["from"], repair["to"])
        values[sample["name"]] = (sample, json.loads(text))
        assert broken(sample, json.loads(text)) == set()
    for change in collection["corruptions"]:
        sample, value = values[change["sample"]]
        assert broken(sample, changed(value, change)) == {change["breaks"]}
    for change in collection["accepted"]:
        sample, value = values[change["sample"]]
        assert broken(sample, changed(value, change)) == set()
    shapes = {clause.id for clause in contract.clauses if clause.kind == "shape"}
    assert {change["breaks"] for change in collection["corruptions"]} == shapes


@pytest.mark.parametrize("name", ["", "My-Api", "my_api", "-api", "a--b", "../api", "api.toml", "a" * 41, "ä", "a\n"])
def test_a_bad_name_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    assert "is not a name for a contract" in refused("--folder", str(tmp_path), "--", name)
    assert files(tmp_path) == set()


def test_a_bundled_name_is_refused(tmp_path: Path) -> None:
    assert "bundled" in refused(bundled()[0], "--folder", str(tmp_path))


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_overwritten(file: str, tmp_path: Path) -> None:
    own = tmp_path / file
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("mine", encoding="utf-8")
    assert "is there already, and nothing is overwritten" in refused("my-api", "--folder", str(tmp_path))
    assert files(tmp_path) == {file}
    assert own.read_text(encoding="utf-8") == "mine"


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "cannot be written" in refused("my-api", "--folder", str(tmp_path / "file"))


# ------------------------------------------------------------------------------------------------ the guide


def violated(begun: Path) -> list[str]:
    exploring = explore(Plan(load_contract(begun / "my-api.toml"), examples=0))
    assert exploring.ledger.unexercised() == []
    return [entry.clause.id for entry in exploring.ledger.violated()]


def test_the_guide_renames_a_status(begun: Path) -> None:
    rename_status(begun)
    assert violated(begun) == ["my-api.poll.status"]
    rename_in_schemas(begun)
    assert violated(begun) == []


def test_the_guide_adds_a_clause_and_sees_it_fail(begun: Path) -> None:
    rename_status(begun)
    rename_in_schemas(begun)
    contract = begun / "my-api.toml"
    passage = add_clause(begun)
    assert violated(begun) == []
    add_passage(begun, passage)
    covered = pollproof("clauses", "--coverage", str(contract))
    assert covered.returncode == 1
    assert "open: final-progress" in covered.stdout
    assert covered.stderr.count("no passage speaks of it") == 11, "all lines but the three"
    explained = pollproof("explain", "my-api.poll.progress", "--contract", str(contract))
    assert explained.returncode == 0
    assert "the progress falls" in explained.stdout
    clock = ShiftedClock()
    loaded = load_contract(contract)
    with serve(mutant_named(loaded, "my-api.poll.progress").provider(clock), clock) as served:
        words = ["--base-url", served.base_url, "--advance-url", served.advance_url, "--examples", "0"]
        done = pollproof("verify", str(contract), *words, "--api-key", "YOUR_API_KEY", timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "my-api.poll.progress MUST violated" in done.stdout


def test_the_guide_moves_the_clauses_to_one_line_each(begun: Path) -> None:
    add_short_clauses(begun, moved=True)
    assert violated(begun) == []


def test_the_short_clauses_of_the_guide_beside_the_others_are_refused_with_a_remedy(begun: Path) -> None:
    add_short_clauses(begun, moved=False)
    with pytest.raises(ContractError, match="write all clauses in the array"):
        load_contract(begun / "my-api.toml")


def test_the_tables_of_the_guide_are_complete() -> None:
    words = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)))
    names = [
        *KINDS,
        *(name for kind in KINDS.values() for name in parameter_names(kind)),
        *COMPARISONS,
        *PROBES,
        *MARKS,
    ]
    names += [*ANSWERS, *(role.value for role in Role), *(phase.value for phase in Phase)]
    names += [effect.value for effect in Effect if effect is not Effect.UNCLEAR]
    assert [name for name in names if name not in words] == []


def test_every_command_of_the_guide_exists() -> None:
    for line in re.findall(r"^pollproof .*$", GUIDE, re.MULTILINE):
        help_text = pollproof(line.split()[1], "--help").stdout
        assert all(option in help_text for option in re.findall(r"--[a-z-]+", line)), line
