"""Seeds: what fuzzed recordings are made from, as plain data in every format, and conversations by chance."""

from __future__ import annotations

import copy
import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any, NamedTuple

import yaml

from pollproof.bundled import bundled, folder
from tests.tapes import BEGAN, Said, created, polled

LONGEST = 14
"""Interactions of a seed: short ones are judged fast, and what is wrong with a reader needs few."""


class Seed(NamedTuple):
    """One recording of one contract, as the data that its file holds; `form` is `yaml`, `json` or `har`."""

    contract: str
    form: str
    document: Any


@cache
def seeds(every: int = 1) -> tuple[Seed, ...]:
    """The golden histories of every contract, good and bad: with times of their own, with Date headers, as HAR.

    Of `every` cassettes one is taken.
    """
    found = []
    for contract in bundled():
        for path in sorted((folder("cassettes") / contract).rglob("*.yaml"))[::every]:
            document = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
            own = document["metadata"]["pollproof"]
            own["exchanges"] = own["exchanges"][:LONGEST]
            document["interactions"] = document["interactions"][:LONGEST]
            plain = {"interactions": [_dated(*pair) for pair in _pairs(document)], "version": 1}
            for form, form_document in (("yaml", document), ("json", plain), ("har", _har(document))):
                if len(json.dumps(form_document, default=repr)) < 40_000:
                    found.append(Seed(contract, form, form_document))
    return tuple(found)


def _pairs(document: Any) -> list[tuple[Any, Any]]:
    return list(zip(document["interactions"], document["metadata"]["pollproof"]["exchanges"], strict=True))


def _moment(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def _dated(interaction: Any, row: Any) -> Any:
    found = copy.deepcopy(interaction)
    if "received" in row:
        found["response"]["headers"]["Date"] = [format_datetime(_moment(row["received"]).astimezone(UTC), usegmt=True)]
    return found


def _har(document: Any) -> Any:
    return {"log": {"version": "1.2", "entries": [_har_entry(*pair) for pair in _pairs(document)]}}


def _har_entry(interaction: Any, row: Any) -> Any:
    request, response = interaction["request"], interaction["response"]
    content = {"mimeType": "", "text": _text(response["body"]["string"])}
    entry = {
        "startedDateTime": _moment(row.get("sent", 0)).isoformat(timespec="milliseconds"),
        "time": (row.get("received", 0) - row.get("sent", 0)) * 1000,
        "request": {"method": request["method"], "url": request["uri"], "headers": _list(request["headers"])},
        "response": {
            "status": response["status"]["code"],
            "headers": _list(response["headers"]),
            "content": content,
        },
    }
    if request["body"]:
        entry["request"]["postData"] = {"mimeType": "", "text": _text(request["body"])}
    return entry


def _text(body: Any) -> str:
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else body


def _list(headers: Any) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, values in headers.items() for value in values]


def conversation(dice: random.Random) -> list[Said]:
    """What a client and CapSolver may have said to each other, lawful or not, in order of time."""
    said = []
    for task in range(dice.randint(1, 4)):
        identifier = dice.choice([f"task-{task}", "task-0", f"b974dd8e-0000-4000-8000-{task:012}", task])
        at = dice.uniform(0, 40)
        said.append(created(at, identifier))
        for _ in range(dice.randint(0, 6)):
            at += dice.choice([0.5, 2.9, 3.1, 3.5, 5.0, 60.0, 301.0])
            status = dice.choice(["idle", "processing", "processing", "ready", "failed", "odd", ""])
            said.append(polled(at, status, identifier, token=f"token-{dice.randint(0, 2)}"))
    return sorted(said, key=lambda one: one.at)
