"""Operations at the root: clients of HTTP send `/` for an empty path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pollproof.clock import VirtualClock
from pollproof.contract.model import Role
from pollproof.loading import load_contract
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.events import Answer
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.verify.request_builder import Builder


@pytest.mark.parametrize("declared", ["", "/"])
@pytest.mark.parametrize("sent", ["", "/"])
def test_the_root_is_one_path(declared: str, sent: str) -> None:
    contract = load_contract("cnode")
    contract = replace(
        contract, operations={name: replace(each, path=declared) for name, each in contract.operations.items()}
    )
    builder = Builder(contract.operation(Role.CREATE), contract)
    task = next(iter(contract.kinds.values())).sample
    request = builder.build("", {"task": task})._replace(path=sent)
    response = ReferenceProvider(contract, VirtualClock()).handle(request)
    event = Reader(contract).read(Exchange(request, response, 0.0, 0.0), 0)
    assert event is not None
    assert event.answer is Answer.STATE
