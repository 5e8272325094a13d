"""Callbacks about something else than the end of a task belong to no operation where the contract tells them apart."""

from __future__ import annotations

import json
from dataclasses import replace

from pollproof.contract.conditions import Condition
from pollproof.contract.model import Role
from pollproof.contract.places import parse_place
from pollproof.loading import load_contract
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from tests.servers import ROOT

CONTRACT = load_contract(str(ROOT / "tests" / "apis" / "reelcast.toml"))


def called_back(event: str) -> Exchange:
    body = json.dumps({"event": event, "data": {"id": "tr_1", "status": "succeeded"}}).encode()
    return Exchange(Request("POST", CALLBACK_PATH, {}, body), Response(200, {}, b""), 1.0, 1.0)


def test_a_callback_about_something_else_is_let_pass() -> None:
    callback = CONTRACT.operation(Role.CALLBACK)
    when = (Condition(parse_place("request#/event"), "prefix", "transcode.succ"),)
    told_apart = replace(CONTRACT, operations={**CONTRACT.operations, callback.name: replace(callback, when=when)})
    for contract, read in ((CONTRACT, True), (told_apart, False)):
        reader = Reader(contract)
        assert reader.read(called_back("transcode.succeeded"), 0) is not None
        assert (reader.read(called_back("transcode.started"), 1) is not None) is read
