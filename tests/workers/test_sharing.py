"""A run that is shared out, among processes or as shards, says what it would have said in one piece."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis.internal.conjecture.providers import HypothesisProvider

from pollproof.bundled import bundled
from pollproof.cli.main import cli
from pollproof.contract.model import Subject
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutants
from pollproof.pytest_plugin import suite as suite_plugin
from pollproof.report.document import build_document
from pollproof.report.merging import MergeError, as_shard, merge_parts, merge_shards, with_parts
from pollproof.verify.exploration import violated
from pollproof.verify.options import plan_from
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore, explore_part
from pollproof.verify.work_units import WALKS_PART
from pollproof.virtualtime import unavailable
from pollproof.workers.distribute import WorkersError, count_of, spread
from pollproof.workers.scheduling import ProviderScheduling
from pollproof.workers.shards import Shard, ShardError
from tests.lanes import long, only
from tests.servers import pollproof

CLIENT = Path(__file__).parents[1] / "gate" / "client.py"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of two examples, with little effort for short evidence: it is the sharing that is tested."""
    monkeypatch.setattr("pollproof.verify.work_units.BLOCK", 2)
    monkeypatch.setattr("pollproof.verify.state_machine.MAXIMUM_SHRINKS", 5)


def same(one: Any, other: Any) -> None:
    """Assert that two documents are equal but for the real time that they took, and the order of their notes."""
    times = {"seconds": 0.0, "started": "", "command_line": None, "summary": ""}
    notes = [sorted(each["notes"]) for each in (one, other)]
    assert notes[0] == notes[1]
    assert {**one, **times, "notes": []} == {**other, **times, "notes": []}


def shards_of(parts: list[str], documents: list[Any], of: int) -> list[Any]:
    """The documents of parts as the reports of that many shards."""
    named = [with_parts(document, lambda _, part=part: part) for part, document in zip(parts, documents, strict=True)]
    return [as_shard(merge_parts(named[k::of]), k + 1, of, parts, {"contracts": ["x"]}) for k in range(of)]


def judged(provider: str, kind: str) -> tuple[Any, list[str], list[Any]]:
    """The document of a whole run, the names of its parts, and the document of each, explored on its own.

    With a kind, of a mutant of a clause of that kind.
    """
    contract = load_contract(provider)
    plan = Plan(contract, examples=3)
    found = [each for each in mutants(contract) if each.clause.kind == kind and each.subject is Subject.PROVIDER]

    def made() -> Any:
        return found[0].provider() if kind else None

    entire = explore(plan, provider=made())
    known = violated(explore_part(plan, WALKS_PART, provider=made())) if kind else frozenset()
    apart = [explore_part(plan, part, provider=made(), known=lambda: known) for part in reversed(plan.parts)]
    return (
        build_document(entire),
        [part.name for part in plan.parts],
        [build_document(each) for each in reversed(apart)],
    )


@pytest.mark.parametrize(
    ("provider", "kind"),
    only(
        [
            *((name, "") for name in bundled()),
            ("capsolver", "result-stable"),
            ("decodo", "terminal"),
            ("cnode", "shape"),
        ],
        [("capmonster", ""), ("capsolver", "result-stable")],
    ),
)
def test_the_parts_of_a_run_in_any_order_and_any_shards_say_what_the_run_says(provider: str, kind: str) -> None:
    entire, parts, documents = judged(provider, kind)
    assert len(parts) == 3
    assert (entire["outcome"] == "violated") is bool(kind)
    same(merge_parts(documents) | {"outcome": entire["outcome"]}, entire)
    for of in (1, 2, 3):
        shards = shards_of(parts, documents, of)
        same(merge_shards(shards[::-1]) | {"outcome": entire["outcome"]}, entire)


def test_a_part_that_finds_something_does_not_show_again_what_the_walks_show() -> None:
    contract = load_contract("capsolver")
    mutant = next(each for each in mutants(contract) if each.clause.kind == "result-stable")
    plan = Plan(contract, examples=2)
    part = plan.parts[1]
    shown = explore_part(plan, part, provider=mutant.provider(), known=lambda: frozenset())
    spared = explore_part(plan, part, provider=mutant.provider(), known=lambda: frozenset({mutant.clause.id}))
    assert violated(shown) == violated(spared) == {mutant.clause.id}
    assert shown.examples > spared.examples == 2


def test_what_is_drawn_follows_from_the_seed_whatever_else_a_process_has_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hypothesis draws constants from the source of loaded modules; here it would find one in all of them."""
    part = Plan(load_contract("capsolver"), examples=2).parts[1]
    before = explore_part(Plan(load_contract("capsolver"), examples=2), part)
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda _, sort, __, **___: {"integer": 7}.get(sort))
    after = explore_part(Plan(load_contract("capsolver"), examples=2), part)
    assert before.moves > 20
    same(build_document(before), build_document(after))
    assert HypothesisProvider._maybe_draw_constant(None, "integer", None) == 7  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- shards that do not fit


@pytest.fixture(scope="module")
def pair() -> list[Any]:
    contract = load_contract("capmonster")
    plan = Plan(contract, examples=0)
    document = build_document(explore(plan))
    return shards_of(["walks", "nothing"], [document, document], 2)


def test_a_missing_shard_is_said_and_the_report_is_not_complete(pair: list[Any]) -> None:
    result = merge_shards(pair[1:])
    assert not result["complete"]
    assert "shard 1 of 2 is missing" in result["notes"]


def test_a_shard_that_is_given_twice_is_said_and_counts_once(pair: list[Any]) -> None:
    result = merge_shards([pair[0], pair[1], pair[0]])
    assert not result["complete"]
    assert "shard 1 of 2 was given 2 times" in result["notes"]
    assert result["exchanges"] == pair[0]["exchanges"] + pair[1]["exchanges"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shard": {"number": 2, "of": 2, "parts": ["walks", "nothing"], "asked": {"contracts": ["y"]}}}, "contracts"),
        ({"shard": {"number": 2, "of": 3, "parts": ["walks", "nothing"], "asked": {"contracts": ["x"]}}}, "'of' is 2"),
        ({"shard": {"number": 2, "of": 2, "parts": ["walks", "more"], "asked": {"contracts": ["x"]}}}, "more"),
        ({"pollproof": "0.0.1"}, "'pollproof' is"),
        ({"mode": "gate"}, "'mode' is"),
        ({"clauses": []}, "different clauses"),
    ],
)
def test_shards_of_different_runs_are_refused(pair: list[Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(MergeError, match=re.escape(words)):
        merge_shards([pair[0], pair[1] | change])


def test_a_report_that_is_no_shard_is_refused(pair: list[Any]) -> None:
    with pytest.raises(MergeError, match="is not a shard"):
        merge_shards([pair[0], {key: value for key, value in pair[1].items() if key != "shard"}])


def test_every_part_is_in_exactly_one_shard() -> None:
    parts = list(range(11))
    for of in range(1, 12):
        shared = [Shard(number, of).pick(parts, "part") for number in range(1, of + 1)]
        assert sorted(part for each in shared for part in each) == parts
        assert max(map(len, shared)) - min(map(len, shared)) <= 1


def test_a_shard_that_would_test_nothing_is_refused() -> None:
    with pytest.raises(ShardError, match="there are 2 files to share, so at most 2 shards"):
        Shard(3, 3).pick(["a", "b"], "file")


@pytest.mark.parametrize("text", ["", "3/2", "0/2", "1/0", "2", "-1/2", "1/2/3", "a/b", "1/\u0662"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ShardError, match="expected K/N"):
        Shard.parsed(text)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "", "2000"])
def test_what_is_no_number_of_workers_is_refused(text: str) -> None:
    with pytest.raises(WorkersError, match="expected a number of worker processes"):
        count_of(text)


# ------------------------------------------------------------------------------------------- the command line


def run(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == status, result.output
    return result.output


def load(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def test_shards_of_recordings_merge_to_the_report_of_all_of_them(tmp_path: Path) -> None:
    folder = str(Path(__file__).parents[2] / "cassettes" / "capmonster" / "bad")
    entire, merged_ = tmp_path / "entire.json", tmp_path / "merged.json"
    files = [str(tmp_path / f"{number}.json") for number in range(1, 4)]
    run("check", "capmonster", folder, "--json", str(entire), status=1)
    for number, file in enumerate(files, 1):
        shard = ["check", "capmonster", folder, "--shard", f"{number}/3", "--json", file]
        assert CliRunner().invoke(cli, shard).exit_code < 2
    output = run("merge", *files, "--json", str(merged_), "-q", status=1)
    assert "VIOLATED" in output
    same(load(entire), load(merged_))
    assert "VIOLATED" in run("report", *files, "-q", status=1)
    assert "shard 2 of 3 is missing" in run("report", files[0], files[2], status=1)
    assert "shard 2 of 3 is missing" in run("merge", files[0], files[2], status=1)
    assert "is not a shard" in run("merge", str(entire), status=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is truncated"),
        ("{}", "not a report of pollproof"),
        ("[" * 9999, "is not a report: it is nested too deeply"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_report_is_told_in_one_sentence(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "shard.json"
    if text is not None:
        file.write_text(text)
    assert words in run("merge", str(file), status=2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify", "decodo", "--shard", "3/2"), "expected K/N"),
        (("verify", "decodo", "--shard", "1/9", "--examples", "0"), "there is one part to share"),
        (("verify", "decodo", "--shard", "1/2", "-x"), "-x does not go with --shard"),
        (("verify", "decodo", "--shard", "1/2", "--base-url", "http://127.0.0.1:1"), "explored in one go"),
        (("verify", "decodo", "-n", "many"), "expected a number of worker processes"),
        (("gate", "decodo", "--shard", "1/999", "--", "true"), "scenarios to share"),
        (("check", "decodo", "--together", "--shard", "1/2", "."), "--together makes one trace"),
    ],
)
def test_what_cannot_be_shared_out_is_told_in_one_sentence(words: tuple[str, ...], told: str) -> None:
    assert told in run(*words, status=2)


def test_two_workers_explore_as_one_process_does_and_json_to_standard_output_is_nothing_but_json(
    tmp_path: Path,
) -> None:
    words = ("verify", "capsolver", "capmonster", "--examples", "2", "-q", "--json")
    done = pollproof(*words, "-", "-n", "2", timeout=120)
    assert done.returncode == 0, done.stderr
    run(*words, str(tmp_path / "one.json"))
    same(json.loads(done.stdout), load(tmp_path / "one.json"))


SERVER = ["perl", "-MJSON::PP", str(Path(__file__).parents[1] / "launched" / "server.pl")]


@pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")
@long
def test_workers_that_each_launch_a_server_of_their_own_say_what_one_process_says(tmp_path: Path) -> None:
    if shutil.which("perl") is None or subprocess.run([*SERVER[:2], os.devnull], check=False).returncode:
        pytest.skip("PERL WITH JSON::PP IS NOT INSTALLED: no server is launched by workers")
    command = shlex.join([*SERVER, "{port}", "flip"])
    words = ("verify", "capsolver", "--launch", command, "--examples", "3", "-q", "--json")
    done = pollproof(*words, "-", "-n", "2", timeout=120)
    assert done.returncode == 1, done.stderr
    run(*words, str(tmp_path / "one.json"), status=1)
    two, one = json.loads(done.stdout), load(tmp_path / "one.json")
    for report in (one, two):  # how often a clause was exercised may differ by the milliseconds that a response takes
        assert (report["complete"], report["examples"], report["clock"]) == (True, 3, "leaping, launched")
    assert [(each["id"], each["verdict"]) for each in two["clauses"]] == [
        (each["id"], each["verdict"]) for each in one["clauses"]
    ]
    assert {each["id"] for each in one["clauses"] if each["violation"]} == {"capsolver.poll.terminal"}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, 5),
        ({"launch": "node server.js {port}"}, 3),
        ({"launch": "node server.js", "base_url": "http://127.0.0.1:8080"}, 1),  # one port, so one server at a time
        ({"launch": "node server.js {port}", "callback_url": "http://127.0.0.1:8081/"}, 1),
        ({"base_url": "http://127.0.0.1:8080"}, 1),
        ({"base_url": "http://127.0.0.1:8080", "advance_url": "http://127.0.0.1:8080/advance"}, 1),
    ],
)
def test_what_can_be_started_for_each_part_is_shared_out_and_nothing_else_is(
    options: dict[str, str], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollproof.verify.work_units.LAUNCHED_BLOCK", 4)
    plan = plan_from("decodo", examples=8, budget="8s", **options)  # type: ignore[arg-type]
    assert len(plan.parts) == parts
    assert plan.is_repeatable is (parts > 1)
    assert sum(part.examples for part in plan.parts) == 8
    assert plan.granted(plan.parts[0]) == 8
    assert sum(plan.granted(part) for part in plan.parts) == (16 if parts > 1 else 8)


def test_workers_have_nothing_to_share_of_a_target_that_somebody_else_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    output = run("verify", "cnode", "--base-url", url, "-n", "2", status=4)
    assert "-n 2 has no effect: what answers at --base-url" in output
    assert "explored in one go" in output


def findings(document: Any) -> Any:
    """What a gate says of a client that always does the same: its own times are never the same to the millisecond."""
    return [
        (
            clause["id"],
            clause["verdict"],
            clause["exercised"],
            shown and (shown["times"], shown["scenario"], len(shown["trace"])),
        )
        for clause in document["clauses"]
        for shown in [clause["violation"]]
    ] + [(each["name"], each["clauses"], each["exchanges"], each["output"]) for each in document["scenarios"]]


def test_workers_judge_a_client_as_one_process_does(tmp_path: Path) -> None:
    words = ("gate", "capsolver", "-k", "smoke or idle or failed", "--json")
    client = ("--", sys.executable, str(CLIENT), "solution")
    done = pollproof(*words, "-", "-n", "2", *client, timeout=120)
    assert done.returncode == 1, done.stderr
    run(*words, str(tmp_path / "one.json"), *client, status=1)
    assert findings(json.loads(done.stdout)) == findings(load(tmp_path / "one.json"))


KILLER = """
import os, signal, sys
sys.argv = [sys.argv[1]]
if os.environ["POLLPROOF_SCENARIO"] == "task-failed":
    os.kill(os.getppid(), signal.SIGKILL)
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
"""
"""A client that kills the process that has started it, in one scenario."""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_dies_loses_its_scenario_alone_and_the_run_is_inconclusive(tmp_path: Path) -> None:
    client = (sys.executable, "-c", KILLER, str(CLIENT))
    done = pollproof(
        "gate",
        "capsolver",
        "-k",
        "smoke or failed",
        "-n",
        "1",
        "--json",
        "-",
        "--",
        *client,
        timeout=120,
        TMPDIR=str(tmp_path),
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["outcome"], report["complete"]) == (3, "inconclusive", False), done.stderr
    assert any(note.startswith("scenario task-failed was not met: ") for note in report["notes"])
    assert "smoke" in [scenario["name"] for scenario in report["scenarios"] if scenario["run"]]
    assert "task-failed" not in [scenario["name"] for scenario in report["scenarios"]]


def test_a_job_that_fails_is_told_and_the_others_are_done() -> None:
    good = {"provider": "capmonster", "part": 0, "options": {"examples": 0}}
    spread_ = spread([("part", good | {"part": 7}), ("part", good)], "0")
    assert [result is None for result in spread_.results] == [True, False]
    assert "IndexError" in spread_.failures[0]


def test_pytest_deals_the_compliance_suite_out_by_provider_and_other_tests_as_ever() -> None:
    suite = Path(__file__).parents[2] / "contracts"
    assert suite_plugin._is_suite_alone([str(suite)])
    assert suite_plugin._is_suite_alone([f"{suite / 'test_clauses.py'}::test_clause[cnode.malformed]"])
    assert not suite_plugin._is_suite_alone([str(suite), __file__])
    assert not suite_plugin._is_suite_alone([])
    scheduling = ProviderScheduling.__new__(ProviderScheduling)
    items = ["test_clauses.py::test_clause[my-api.poll.terminal]", "test_lifecycle.py::test_it[my-api]", "a.py::test_x"]
    assert [scheduling._split_scope(item) for item in items] == ["my-api", "my-api", "a.py::test_x"]
