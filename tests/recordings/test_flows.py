"""Flows of mitmproxy as its own library writes them; they need the extra, so another environment: see ci.yml."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pollproof.check.judging import Checking, check
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from tests.tapes import BEGAN, Said, lawful, polled, text_of

CAPSOLVER = load_contract("capsolver")
FAULTY = [*lawful(), polled(13, "processing")]


def flow(said: Said) -> Any:
    """An exchange as mitmproxy keeps it, with its body packed as the wire had it."""
    http = pytest.importorskip("mitmproxy.http")
    connection = pytest.importorskip("mitmproxy.connection")
    sent = BEGAN.timestamp() + said.at
    server = connection.Server(address=("api.capsolver.com", 443))
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=sent)
    found = http.HTTPFlow(client, server)
    found.request = http.Request.make("POST", said.base + said.path, text_of(said.asked), {"content-type": "text/json"})
    body = gzip.compress(text_of(said.told).encode(), mtime=0)
    found.response = http.Response.make(said.status, b"", {"content-type": "text/json", "content-encoding": "gzip"})
    found.response.raw_content = body
    found.request.timestamp_start, found.request.timestamp_end = sent, sent
    found.response.timestamp_start = found.response.timestamp_end = sent + said.took
    return found


def written(path: Path, conversation: list[Said], change: Callable[[Any], None] = lambda found: None) -> Path:
    io = pytest.importorskip("mitmproxy.io")
    with path.open("wb") as stream:
        writer = io.FlowWriter(stream)
        for said in conversation:
            found = flow(said)
            change(found)
            writer.add(found)
    return path


def judged(path: Path) -> tuple[Checking, set[str]]:
    checking = check(CAPSOLVER, [path])
    assert checking.detail.unread == []
    return checking, {entry.clause.id.removeprefix("capsolver.") for entry in checking.ledger.violated()}


def test_real_flows_are_judged(tmp_path: Path) -> None:
    checking, violated = judged(written(tmp_path / "t.flow", lawful()))
    assert violated == set()
    assert checking.detail.tally.matched == len(lawful())
    assert checking.ledger["capsolver.client.wait"].verdict is Verdict.HELD
    assert checking.ledger["capsolver.poll.result-with-ready"].verdict is Verdict.HELD
    _, violated = judged(written(tmp_path / "f.mitm", FAULTY))
    assert violated == {"poll.terminal", "client.final"}


def test_a_flow_without_its_body_or_its_response_is_held_against_nobody(tmp_path: Path) -> None:
    def streamed(found: Any) -> None:
        found.response.raw_content = None

    checking, violated = judged(written(tmp_path / "t.flow", FAULTY, streamed))
    assert violated == set()
    assert sum(checking.detail.tally.lost.values()) == len(FAULTY)

    def broken(found: Any) -> None:
        found.response, found.error = None, pytest.importorskip("mitmproxy.flow").Error("connection closed")

    checking, violated = judged(written(tmp_path / "b.flow", FAULTY, broken))
    assert violated == set()


def test_flows_that_are_cut_short_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "t.flow", lawful())
    path.write_bytes(path.read_bytes()[:-40])
    (error,) = check(CAPSOLVER, [path]).detail.unread
    assert "after flow 4" in str(error)
    assert json.dumps(str(error)).isascii()
