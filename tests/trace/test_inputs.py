"""Inputs beyond the limits of a schema: each breaks one of them, as far as its type lets it."""

from __future__ import annotations

from typing import Any

import pytest

from pollproof.contract.model import Probe
from pollproof.contract.places import MISSING, View
from pollproof.contract.probes import recognises
from pollproof.loading import load_contract
from pollproof.trace.inputs import beyond


@pytest.mark.parametrize(
    ("schema", "value", "sent"),
    [
        ({"type": "integer", "enum": [240, 480]}, 240, [481]),
        ({"enum": ["a", "b"]}, "a", ["not-listed"]),
        ({"type": "string", "pattern": "^[a-z0-9-]*$"}, "usual-1", ["!", "USUAL-1"]),
        ({"type": "string", "pattern": "^[A-Za-z]+$"}, "usual", ["!"]),
    ],
)
def test_what_is_beyond_a_limit_is_of_its_kind(schema: dict[str, Any], value: Any, sent: list[Any]) -> None:
    whole = {"type": "object", "properties": {"x": schema}}
    found = [each.body["x"] for each in beyond(whole, {"x": value}) if isinstance(each.body, dict) and "x" in each.body]
    assert [each for each in sent if each not in found] == []
    assert not any(type(each) is str and each.isupper() for each in found if each not in sent)


def test_a_probe_leaves_a_parameter_of_the_query_out() -> None:
    probe = Probe("keyless", "getTaskResult", "no key", query=(("key", ""),))
    wrong = recognises(probe, load_contract("capsolver").operations["getTaskResult"])
    for path, expected in (({}, True), ({"?key": "YOUR_KEY"}, False)):
        assert wrong(View({}, MISSING, path, {}, {}, None)) is expected
