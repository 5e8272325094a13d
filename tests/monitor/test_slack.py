"""Slack: how near a run came to each limit, the same in one process, in shards and in a comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pollproof.check.judging import check
from pollproof.loading import load_contract
from pollproof.monitor.slack import describe_slack, nearest_to_limits
from pollproof.report.document import build_document
from tests.servers import pollproof
from tests.tapes import Said, cassette, created, har, lawful, polled, write

CAPSOLVER = load_contract("capsolver")


def near() -> list[Said]:
    """A task that is polled 118 times, at last at an age of 287 s, once after 3.004 s."""
    polls = [polled(4.0 + 2.0 * n, "processing") for n in range(1, 117)]
    polls = [one._replace(at=10 + n * 3.0) for n, one in enumerate(polls)]
    return [created(), *polls[:90], polled(10 + 89 * 3.0 + 3.004, "processing"), polled(287.2, "ready")]


def slack_of(*paths: Path) -> str:
    document = build_document(check(CAPSOLVER, paths))
    return describe_slack(document["slack"])


def test_the_nearest_figures_of_a_run_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.har", har(near()))
    assert slack_of(path) == "92 of 120 polls; shortest wait 3 of 3 s; oldest poll 287 of 300 s"
    assert f"slack: {slack_of(path)}" in pollproof("check", "capsolver", str(path)).stdout


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        ([created()], ""),
        ([created(), polled(4, "ready")], "1 of 120 polls; oldest poll 3.799 of 300 s"),
        (
            [created(), polled(4, "processing"), polled(5, "ready")],
            "2 of 120 polls; shortest wait 1 of 3 s; oldest poll 4.799 of 300 s",
        ),
        ([polled(4, "processing"), polled(5, "ready")], ""),
    ],
)
def test_what_was_not_seen_is_not_told(tmp_path: Path, conversation: list[Said], expected: str) -> None:
    assert slack_of(write(tmp_path / "t.har", har(conversation))) == expected


def test_without_times_the_polls_alone_are_told(tmp_path: Path) -> None:
    assert slack_of(write(tmp_path / "t.yaml", cassette(lawful(), dated=False))) == "4 of 120 polls"


def test_shards_and_comparisons_tell_the_same(tmp_path: Path) -> None:
    one, two = (write(tmp_path / f"{n}.har", har(each)) for n, each in enumerate((near(), lawful())))
    whole = build_document(check(CAPSOLVER, [one, two]))["slack"]
    parts = [build_document(check(CAPSOLVER, [each]))["slack"] for each in (one, two)]
    assert nearest_to_limits(parts) == whole
    done = pollproof("drift", str(one), str(two), "--json", "-")
    document = json.loads(done.stdout)
    assert [document[side]["slack"] for side in ("old", "new")] == parts
    assert "slack, old: 92 of 120 polls" in done.stderr
