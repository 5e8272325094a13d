"""What recordings say of a client's first poll: the wait after the creation, and the id that it carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pollproof.check.judging import Checking, check
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from tests.tapes import Said as Exchange
from tests.tapes import har, write

AZURE = load_contract(str(Path(__file__).parents[1] / "apis" / "azure-guideline.toml"))
DECODO = load_contract("decodo")
BASE = "https://example.com/api"
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


def operation(at: float, method: str, status: str, **headers: str) -> dict[str, Any]:
    """A HAR entry of the guideline's API: a creation (POST) or a poll (GET)."""
    path = "/documents:analyze" if method == "POST" else "/operations/op-1"
    body = {"id": "op-1", "status": status, **({"result": {}} if status == "Succeeded" else {})}
    one = Exchange(at, path, {"url": "https://example.com/d.pdf"}, body, base=BASE, headers=headers)
    entry: dict[str, Any] = har([one])["log"]["entries"][0]
    entry["request"]["method"] = method
    entry["request"]["headers"].append({"name": "Authorization", "value": "Bearer token"})
    entry["response"]["status"] = 202 if method == "POST" else 200
    if method == "GET":
        entry["request"].pop("postData")
        entry["request"]["bodySize"] = 0
    return entry


def judged(tmp_path: Path, *entries: dict[str, Any]) -> Verdict:
    path = write(tmp_path / "t.har", {"log": {"entries": list(entries)}})
    checking = check(AZURE, [path])
    assert checking.detail.tally.matched == len(entries)
    return checking.ledger["azure-guideline.client.retry-after"].verdict


HELD, VIOLATED, UNEXERCISED = Verdict.HELD, Verdict.VIOLATED, Verdict.UNEXERCISED


@pytest.mark.parametrize(("at", "verdict"), [(1.0, VIOLATED), (9.9, VIOLATED), (10.2, HELD)])
@pytest.mark.parametrize("asked", ["10", "Sun, 01 Mar 2026 12:00:10 GMT"])
def test_retry_after_of_the_creation_binds_the_first_poll(
    tmp_path: Path, at: float, verdict: Verdict, asked: str
) -> None:
    created = operation(0, "POST", "NotStarted", **{"Retry-After": asked, "Date": DATE})
    polled = operation(at, "GET", "Succeeded", Date=DATE)
    assert judged(tmp_path, created, polled) is verdict


@pytest.mark.parametrize("asked", ["soon", "1.5.2", "Sun, 99 Mar 2026 12:00:10 GMT", ""])
def test_what_asks_for_no_wait_that_can_be_told_binds_nobody(tmp_path: Path, asked: str) -> None:
    created = operation(0, "POST", "NotStarted", **{"Retry-After": asked})
    assert judged(tmp_path, created, operation(1, "GET", "Succeeded")) is UNEXERCISED


def test_a_date_without_a_date_of_the_response_binds_nobody(tmp_path: Path) -> None:
    created = operation(0, "POST", "NotStarted", **{"Retry-After": "Sun, 01 Mar 2026 12:00:10 GMT"})
    assert judged(tmp_path, created, operation(1, "GET", "Succeeded")) is UNEXERCISED


def test_only_the_last_answer_asks_to_wait(tmp_path: Path) -> None:
    created = operation(0, "POST", "NotStarted", **{"Retry-After": "10"})
    first = operation(11, "GET", "Running")  # it asks for nothing any more
    assert judged(tmp_path, created, first, operation(12, "GET", "Succeeded")) is HELD
    busy = operation(11, "GET", "Running")
    busy["response"]["status"] = 503
    assert judged(tmp_path, created, busy, operation(12, "GET", "Succeeded")) is HELD
    first = operation(11, "GET", "Running", **{"Retry-After": "5"})
    assert judged(tmp_path, created, first, operation(12, "GET", "Succeeded")) is VIOLATED


# --------------------------------------------------------------------------------- ids beyond 2 to the 53


def polls_of(tmp_path: Path, created: str, *asked: tuple[str, bool]) -> Checking:
    """A recording of Decodo's API in which a task is created and others are polled, known to the provider or not."""
    entries = []
    for number, (identifier, known) in enumerate([(created, True), *asked]):
        body: dict[str, Any] = {"id": identifier, "status": "pending", "url": "https://ip.decodo.com"}
        body |= {"created_at": "2026-03-01 12:00:00", "updated_at": "2026-03-01 12:00:00"}
        path = "/v3/task" if number == 0 else f"/v3/task/{identifier}"
        one = Exchange(
            number * 5.0, path, {"url": "https://ip.decodo.com"}, body, base="https://scraper-api.decodo.com"
        )
        entry = har([one])["log"]["entries"][0]
        entry["request"]["headers"].append({"name": "Authorization", "value": "Basic x"})
        if number:
            entry["request"] |= {"method": "GET", "bodySize": 0}
            entry["request"].pop("postData")
        if not known:
            entry["response"]["status"] = 404
            entry["response"]["content"] = {"text": json.dumps({"message": "not found"})}
        entries.append(entry)
    checking = check(DECODO, [write(tmp_path / "t.har", {"log": {"entries": entries}})])
    assert checking.detail.tally.matched == len(entries)
    return checking


GIVEN = "7434928397127555073"


@pytest.mark.parametrize(
    ("asked", "known", "violated"),
    [
        ("7434928397127555074", True, False),
        ("7434928397127555072", True, False),  # how a double spells it, and an id of an earlier session all the same
        ("7434928397127555074", False, False),
        ("7434928397127555071", False, False),
        ("7434928397127555072", False, True),
        ("7434928397127555000", False, True),
        ("7.434928397127555e+18", False, True),
    ],
)
def test_an_id_is_a_rounded_one_where_it_is_spelled_so_and_nobody_knows_it(
    tmp_path: Path, asked: str, known: bool, violated: bool
) -> None:
    checking = polls_of(tmp_path, GIVEN, (GIVEN, True), (asked, known))
    entry = checking.ledger["decodo.client.same-task-id"]
    assert (entry.verdict is Verdict.VIOLATED) is violated
