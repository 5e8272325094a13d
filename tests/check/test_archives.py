"""Archives beyond one machine: URLs that fsspec reads, partitions by task, and a cluster of Dask.

The cluster is real: worker processes of this machine, one of which is killed while it works.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pollproof.bundled import bundled, folder
from pollproof.check import judging, partitions
from pollproof.check.judging import Checking, CheckSpec, check
from pollproof.check.partitions import in_order, joined, judge_account, judge_tasks, number_by_time, split_file
from pollproof.cli.main import cli
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger
from pollproof.recordings.files import find_recordings
from tests.lanes import only

CASSETTES = folder("cassettes")
CONTRACTS = {name: load_contract(name) for name in bundled()}


def told(ledger: Ledger) -> Any:
    """All that a ledger says, with evidence as the numbers of its exchanges."""
    clauses = {
        name: (
            entry.exercised,
            entry.violations,
            entry.first,
            entry.evidence and (entry.evidence.violation, entry.evidence.trace.numbers),
        )
        for name, entry in ledger.entries.items()
    }
    return clauses, ledger.violations, ledger.exchanges, ledger.seen


def in_partitions(provider: str, paths: list[Path], count: int) -> tuple[Ledger, list[Any]]:
    """The ledger of one trace that was judged in partitions, last one first."""
    contract = CONTRACTS[provider]
    files, known = [], frozenset[str]()
    for path in paths:
        files.append(split_file(CheckSpec(contract), path, count, known))
        known |= files[-1].callbacks
    numbers = number_by_time([file.times for file in files])
    whole = [[item for own in file.partitions for item in own] for file in files]
    account = judge_account(CheckSpec(contract), in_order(whole, numbers))
    parts = [
        judge_tasks(
            contract,
            in_order([file.partitions[number] for file in files], numbers),
            account.forgotten,
            account.endless,
        )
        for number in reversed(range(count))
    ]
    summary = account.summary
    return joined(contract, [account, *parts]), [summary.roles, summary.orphans, summary.solving]


@pytest.mark.parametrize("provider", only(bundled(), ["capmonster", "decodo"]))
def test_partitions_by_task_say_of_every_recording_what_one_process_says(provider: str) -> None:
    for path in sorted((CASSETTES / provider).rglob("*.yaml*")):
        if path.stat().st_size > 100_000:
            continue  # the walks: judged together with others below
        checking = check(CONTRACTS[provider], [path])
        ledger, figures = in_partitions(provider, [path], 3)
        assert told(ledger) == told(checking.ledger), path.name
        assert figures == [checking.detail.roles, checking.detail.orphans, checking.solving], path.name


@pytest.mark.parametrize("provider", only(bundled(), ["cnode", "capsolver"]))
@pytest.mark.parametrize("remembered", [judging.REMEMBERED_TASKS, 3])
def test_files_that_are_one_trace_say_the_same_in_partitions_even_when_tasks_are_forgotten(
    provider: str, remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "REMEMBERED_TASKS", remembered)
    monkeypatch.setattr(partitions, "REMEMBERED_TASKS", remembered)
    paths = sorted((CASSETTES / provider).rglob("*.yaml"))
    checking = check(CONTRACTS[provider], paths, together=True)
    assert checking.detail.unread == []
    ledger, figures = in_partitions(provider, paths, 4)
    assert told(ledger) == told(checking.ledger)
    assert figures == [checking.detail.roles, checking.detail.orphans, checking.solving]


def cassette(path: Path, asked: list[tuple[float, str, str, int, str]]) -> Path:
    """A recording of what was asked of capsolver: when, of which operation, with what, and the response."""
    lines = ["version: 1", "metadata:", "  pollproof:", "    format: 1", "    exchanges:"]
    lines += [f"    - {{sent: {sent}, received: {sent + 0.01}}}" for sent, *_ in asked]
    lines.append("interactions:")
    for _, operation, body, status, answer in asked:
        lines += [
            f"- request: {{method: POST, uri: 'http://127.0.0.1:8000/{operation}', body: '{body}',",
            "    headers: {content-type: [application/json]}}",
            f"  response: {{status: {{code: {status}, message: ''}}, body: {{string: '{answer}'}},",
            "    headers: {content-type: [application/json]}}",
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("hurried", [False, True])
def test_a_task_is_put_off_without_end_only_where_the_whole_account_was_left_alone(
    tmp_path: Path, hurried: bool
) -> None:
    one, other = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000007"
    assert len({partitions.partition_of(task, 3) for task in (one, other)}) == 2

    def creation(at: float, task: str) -> tuple[float, str, str, int, str]:
        wanted = '{"type":"ReCaptchaV2TaskProxyLess","websiteURL":"https://example.com/a","websiteKey":"SAMPLE"}'
        answer = f'{{"errorId":0,"errorCode":"","errorDescription":"","taskId":"{task}"}}'
        return at, "createTask", f'{{"clientKey":"SAMPLE_KEY","task":{wanted}}}', 200, answer

    def poll(at: float, task: str, status: int, answer: str) -> tuple[float, str, str, int, str]:
        return at, "getTaskResult", f'{{"clientKey":"SAMPLE_KEY","taskId":"{task}"}}', status, answer

    asked = [creation(0.0, one), creation(1.0, other)]
    busy = '{"errorId":1,"errorCode":"ERROR_RATE_LIMIT","errorDescription":"busy"}'
    for at in (10.0, 50.0, 90.0, 130.0):
        if hurried:  # the client does not leave the provider alone: it asks for another task just before
            asked.append(poll(at - 0.1, other, 200, '{"errorId":0,"status":"processing"}'))
        asked.append(poll(at, one, 400, busy))
    path = cassette(tmp_path / "put-off.yaml", asked)
    checking = check(CONTRACTS["capsolver"], [path])
    ledger, _ = in_partitions("capsolver", [path], 3)
    assert told(ledger) == told(checking.ledger)
    endless = [entry for entry in ledger.entries.values() if "times in a row" in repr(entry.evidence)]
    assert bool(endless) is not hurried


# ------------------------------------------------------------------------------------------------ the cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("distributed", reason="DASK IS NOT INSTALLED: judging on a cluster is not tested")
    from pollproof.check.cluster import connected

    with connected("2") as client:
        yield client


def same(one: Checking, other: Checking) -> None:
    assert told(one.ledger) == told(other.ledger)
    shown = [
        {name: each.evidence and each.evidence.trace for name, each in checking.ledger.entries.items()}
        for checking in (one, other)
    ]
    assert repr(shown[0]) == repr(shown[1])  # times that are unknown equal none
    assert one.solving == other.solving
    for name in ("tally", "files", "ignored", "roles", "orphans"):
        assert getattr(one.detail, name) == getattr(other.detail, name), name
    assert [str(each) for each in one.detail.unread] == [str(each) for each in other.detail.unread]


@pytest.mark.parametrize("provider", only(["decodo", "cnode"], ["decodo"]))
def test_a_cluster_says_what_one_process_says(cluster: Any, provider: str) -> None:
    from pollproof.check.cluster import check_on

    good, bad = (sorted((CASSETTES / provider / part).glob("*.yaml")) for part in ("", "bad"))
    contract, paths = CONTRACTS[provider], good[:2] + bad[:6]
    for together in (False, True):
        same(check_on(cluster, contract, paths, together=together), check(contract, paths, together=together))


def test_a_file_that_cannot_be_read_is_told_as_one_process_tells_it(cluster: Any, tmp_path: Path) -> None:
    from pollproof.check.cluster import check_on

    contract = CONTRACTS["decodo"]
    (broken := tmp_path / "broken.har").write_text("{")
    (other := tmp_path / "other.json").write_text('{"name": 1}')
    paths = [broken, other, *sorted((CASSETTES / "decodo" / "bad").glob("*.yaml"))[:2]]
    for together in (False, True):
        same(check_on(cluster, contract, paths, together=together), check(contract, paths, together=together))


def test_a_worker_that_is_killed_in_mid_run_changes_nothing(cluster: Any) -> None:
    from pollproof.check.cluster import check_on

    contract, paths = CONTRACTS["capsolver"], sorted((CASSETTES / "capsolver").rglob("*.yaml"))
    victims = list(cluster.run(os.getpid).values())
    judged: list[int] = []

    def kill(file: str, count: int) -> None:
        if not judged:
            os.kill(victims[0], signal.SIGKILL)  # it is one of our own
        judged.append(count)

    same(check_on(cluster, contract, paths, progress=kill), check(contract, paths))
    assert len(judged) >= 4
    cluster.wait_for_workers(2, timeout=60)
    assert victims[0] not in cluster.run(os.getpid).values(), "another one has taken its place"


def test_the_command_judges_on_the_cluster_at_an_address(cluster: Any, tmp_path: Path) -> None:
    bad = str(CASSETTES / "capmonster" / "bad")
    reports = []
    for name, words in (("one", ()), ("cluster", ("--dask", cluster.scheduler.address))):
        file = tmp_path / f"{name}.json"
        result = CliRunner().invoke(cli, ["check", "capmonster", bad, "--together", *words, "--json", str(file)])
        assert result.exit_code == 1, result.output
        report = json.loads(file.read_text())
        summary, _, seconds = report["summary"].rpartition("; ")
        assert seconds.endswith(" s"), "how long it took, which may differ"
        reports.append({**report, "seconds": 0, "started": "", "summary": summary})
    assert reports[0] == reports[1]


def test_a_scheduler_that_does_not_answer_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="DASK IS NOT INSTALLED: judging on a cluster is not tested")
    monkeypatch.setattr("pollproof.check.cluster.SCHEDULER_PATIENCE", 0.2)
    result = CliRunner().invoke(cli, ["check", "decodo", str(CASSETTES / "decodo"), "--dask", "tcp://127.0.0.1:9"])
    assert result.exit_code == 4
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in result.output


@pytest.mark.parametrize(
    ("dask", "missing", "told_"),
    [("0", False, "expected the address of a scheduler"), ("2", True, "pip install 'pollproof[dask]'")],
)
def test_what_is_no_cluster_is_told_in_one_sentence(
    dask: str, missing: bool, told_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing:
        monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    result = CliRunner().invoke(cli, ["check", "decodo", str(CASSETTES / "decodo"), "--dask", dask])
    assert result.exit_code == 2
    assert told_ in result.output


# -------------------------------------------------------------------------------------------------------- URLs


@pytest.fixture
def memory() -> Iterator[Any]:
    fsspec = pytest.importorskip("fsspec", reason="FSSPEC IS NOT INSTALLED: reading URLs is not tested")
    system = fsspec.filesystem("memory")
    for path in sorted((CASSETTES / "decodo" / "bad").glob("*.yaml*"))[:3]:
        system.pipe(f"/archive/2026/{path.name}", path.read_bytes())
    system.pipe("/archive/notes.txt", b"no recording")
    yield system
    system.rm("/archive", recursive=True)


@pytest.mark.parametrize("url", ["memory://archive", "memory://archive/*/*.yaml*", "memory:///archive/2026/"])
def test_a_folder_or_a_pattern_behind_a_url_is_judged_as_one_on_disk(memory: Any, url: str) -> None:
    paths = find_recordings([url])
    assert len(paths) == 3
    contract = CONTRACTS["decodo"]
    local = check(contract, sorted((CASSETTES / "decodo" / "bad").glob("*.yaml*"))[:3])
    assert told(check(contract, paths).ledger) == told(local.ledger)


def test_a_file_url_is_read_and_named_by_its_url(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="FSSPEC IS NOT INSTALLED: reading URLs is not tested")
    path = sorted((CASSETTES / "decodo" / "bad").glob("*.yaml*"))[0]
    result = CliRunner().invoke(cli, ["check", "decodo", path.as_uri(), "--json", "-"])
    assert path.as_uri() in result.output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://nowhere/x.har", "no such file or folder"),
        ("memory://nowhere/*.har", "no recording matches"),
        ("nosuch://bucket/x.har", "nosuch"),
        ("file:///no/such/folder/x.yaml", "no such file or folder"),
    ],
)
def test_a_url_that_means_nothing_is_told_in_one_sentence(url: str, words: str) -> None:
    pytest.importorskip("fsspec", reason="FSSPEC IS NOT INSTALLED: reading URLs is not tested")
    result = CliRunner().invoke(cli, ["check", "decodo", url])
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.count("\n") == 1


def test_without_fsspec_a_url_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    result = CliRunner().invoke(cli, ["check", "decodo", "s3://bucket/archive"])
    assert result.exit_code == 2
    assert "pip install 'pollproof[fsspec]'" in result.output


def test_a_key_in_a_url_is_never_shown() -> None:
    pytest.importorskip("fsspec", reason="FSSPEC IS NOT INSTALLED: reading URLs is not tested")
    result = CliRunner().invoke(cli, ["check", "decodo", "nosuch://me:PLANTED-key@bucket/x.har?token=PLANTED-key"])
    assert result.exit_code == 2
    assert "PLANTED" not in result.output


def test_a_backend_that_fails_while_it_is_read_is_told_with_its_file(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, size: int = -1) -> bytes:
        raise RuntimeError("the bucket went away")

    for name in ("read", "read1"):
        monkeypatch.setattr(f"fsspec.implementations.memory.MemoryFile.{name}", fail, raising=False)
    checking = check(CONTRACTS["decodo"], find_recordings(["memory://archive"]))
    assert len(checking.detail.unread) == 3
    assert "the bucket went away" in str(checking.detail.unread[0])
