"""A task that has succeeded in its creation is one as any other where none is documented to be answered at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pollproof.loading import load_contract
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.scaffold import write
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader

ID = "7b0ba1f5-0a4d-4bd7-94d1-0ea1ea1f1df5"


@pytest.mark.parametrize(("later", "violated"), [("done", False), ("running", True)])
def test_a_success_in_the_creation_is_final(later: str, violated: bool, tmp_path: Path) -> None:
    write("my-api", tmp_path)
    contract = load_contract(tmp_path / "my-api.toml")
    monitor = Monitor(Reader(contract), clauses_of(contract))
    key = {"x-api-key": contract.credential.sample}
    for number, (method, path, status) in enumerate([("POST", "/tasks", "done"), ("GET", f"/tasks/{ID}", later)]):
        answer = {"id": ID, "status": status} | ({"result": {"text": "x"}} if status == "done" else {})
        request = Request(method, path, key, b'{"input": "x"}' if method == "POST" else b"")
        response = Response(201 if method == "POST" else 200, {}, json.dumps(answer).encode())
        monitor.observe(Exchange(request, response, 5.0 * number, 5.0 * number))
    entry = monitor.ledger["my-api.poll.terminal"]
    assert (entry.exercised, entry.violations) == (1, int(violated))
