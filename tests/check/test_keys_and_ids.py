"""Keys and ids in recordings: what decides them, each side by itself, and what leaves them open."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pollproof.check.judging import CheckSpec, check
from pollproof.loading import load_contract
from tests.servers import pollproof
from tests.tapes import KEY, Said, cassette, created, har, lawful, polled, write

CAPSOLVER, DECODO = load_contract("capsolver"), load_contract("decodo")
OTHER = "c074dd8e-1f4a-4c3b-9d2e-000000000002"
RIGHT, WRONG = "k3y-of-the-account-7f", "k3y-of-somebody-else-9a"


def violated(path: Path, contract: Any = CAPSOLVER, **how: Any) -> set[str]:
    found = check(contract, [path], **how)
    assert not found.detail.unread
    return {entry.clause.id.partition(".")[2] for entry in found.ledger.violated()}


def with_key(conversation: list[Said], key: str | None) -> list[Said]:
    """The conversation with another key, or without one."""
    return [
        said._replace(asked={name: value for name, value in {**said.asked, "clientKey": key}.items() if value})
        for said in conversation
    ]


REFUSED = {"errorId": 1, "errorCode": "ERROR_KEY_DENIED_ACCESS", "errorDescription": "wrong key"}
NO_TASK = {"errorId": 1, "errorCode": "ERROR_TASKID_INVALID", "errorDescription": "no such task"}


# ------------------------------------------------------------------------------------------ unknown ids


def test_an_unknown_id_in_a_whole_recording_is_decided_for_both_sides(tmp_path: Path) -> None:
    begun = [created(), polled(4, "processing")]
    answered = write(tmp_path / "a.har", har([*begun, polled(8, "processing", OTHER)]))
    refused = write(tmp_path / "r.har", har([*begun, polled(8, "", OTHER)._replace(told=NO_TASK)]))
    alone = write(tmp_path / "o.har", har([polled(8, "processing", OTHER)]))
    assert violated(answered) == violated(refused) == violated(alone) == set()
    assert violated(answered, whole=True) == violated(alone, whole=True) == {"client.same-task-id", "poll.unknown-task"}
    assert violated(refused, whole=True) == {"client.same-task-id"}


@pytest.mark.parametrize("lost", [None, {"errorId": 0}])
def test_an_id_is_open_where_a_creation_was_not_heard_to_its_end(tmp_path: Path, lost: Any) -> None:
    document = har([created(), created(1)._replace(told=lost), polled(8, "processing", OTHER)])
    assert "poll.unknown-task" not in violated(write(tmp_path / "t.har", document), whole=True)


@pytest.mark.parametrize("mark", ["REDACTED", "[redacted]", "***", "<id removed>"])
def test_marks_in_the_place_of_ids_are_not_ids(tmp_path: Path, mark: str) -> None:
    said = [created(0, mark), created(1, mark), polled(4, "ready", mark, "one"), polled(8, "ready", mark, "two")]
    for path in (write(tmp_path / "t.har", har(said)), write(tmp_path / "t.yaml", cassette(said))):
        found = check(CAPSOLVER, [path])
        assert not found.ledger.violated()
        assert sum(found.detail.tally.unrecorded.values()) == 4
    path = write(tmp_path / "u.har", har([*lawful(), *said]))
    assert "client.wait" not in violated(path)
    urls = [
        Said(0, "/v3/task", {"url": "https://example.com/"}, {"id": "1"}, base="https://scraper-api.decodo.com"),
        Said(9, f"/v3/task/{mark}", None, {"id": "1"}, base="https://scraper-api.decodo.com"),
    ]
    assert check(DECODO, [write(tmp_path / "v.har", har(urls))]).detail.tally.matched <= 1


# ----------------------------------------------------------------------------------------------- keys


def test_a_key_that_others_show_and_one_request_does_not_is_missing(tmp_path: Path) -> None:
    nothing, whole = with_key(lawful(), None), lawful()
    assert violated(write(tmp_path / "t.har", har(nothing))) == set(), "removed before it was shared"
    for place in (0, 2):
        mixed = [*whole[:place], nothing[place], *whole[place + 1 :]]
        clause = "client.create-request" if place == 0 else "client.poll-request"
        assert violated(write(tmp_path / "t.har", har(mixed))) == {clause, "missing-field"}
        mixed[place] = mixed[place]._replace(told=REFUSED)
        assert "missing-field" not in violated(write(tmp_path / "t.har", har(mixed)))


def decodo(*shown: str | None) -> dict[str, Any]:
    told = {"id": "7434928397127555099", "status": "pending", "created_at": "2026-03-01 12:00:00"}
    told |= {"updated_at": "2026-03-01 12:00:00", "url": "https://example.com/", "query": ""}
    document = har(
        [
            Said(9.0 * number, "/v3/task" if number == 0 else f"/v3/task/{told['id']}", {"url": told["url"]}, told)
            for number, _ in enumerate(shown)
        ]
    )
    for number, (entry, key) in enumerate(zip(document["log"]["entries"], shown, strict=True)):
        request = entry["request"]
        request["url"] = request["url"].replace("api.capsolver.com", "scraper-api.decodo.com")
        if key is not None:
            request["headers"].append({"name": "Authorization", "value": f"Basic {key}"})
        if number:
            del request["postData"]
            request |= {"method": "GET", "bodySize": 0}
    return document


def test_a_header_that_others_show_and_one_request_does_not_is_missing(tmp_path: Path) -> None:
    kept = {"missing-token", "client.authorization"}
    assert not kept & violated(write(tmp_path / "a.har", decodo(RIGHT, RIGHT, RIGHT)), DECODO)
    assert not kept & violated(write(tmp_path / "a.har", decodo(None, None, None)), DECODO)
    for shown in ((RIGHT, None, RIGHT), (None, RIGHT, RIGHT), (RIGHT, RIGHT, None)):
        document = decodo(*shown)
        assert kept & violated(write(tmp_path / "a.har", document), DECODO) == kept
        refused = document["log"]["entries"][shown.index(None)]["response"]
        refused |= {"status": 401, "content": {"text": '{"status": "failed", "message": "Unauthorized"}'}}
        assert kept & violated(write(tmp_path / "a.har", document), DECODO) == {"client.authorization"}


def test_the_key_of_the_account_decides_which_keys_are_wrong(tmp_path: Path) -> None:
    hashed = "sha256:" + hashlib.sha256(RIGHT.encode()).hexdigest()
    right = write(tmp_path / "r.har", har(with_key(lawful(), RIGHT)))
    wrong = write(tmp_path / "w.har", har(with_key(lawful(), WRONG)))
    refused = [with_key([said], WRONG)[0]._replace(told=REFUSED) for said in lawful()[:1]]
    turned_away = write(tmp_path / "t.har", har([*refused, *with_key(lawful(), RIGHT)]))
    for given in ((RIGHT,), (hashed,), (hashed.upper().replace("SHA", "sha"), "another")):
        assert violated(right, keys=given) == violated(turned_away, keys=given) == set()
        assert violated(wrong, keys=given) == {"wrong-key"}
    assert violated(wrong) == set(), "nobody can tell"
    assert "wrong-token" in violated(write(tmp_path / "d.har", decodo(WRONG, WRONG)), DECODO, keys=(RIGHT,))
    assert "wrong-token" not in violated(write(tmp_path / "d.har", decodo(RIGHT, RIGHT)), DECODO, keys=(RIGHT,))


@pytest.mark.parametrize(
    "placeholder", [KEY, "REDACTED", "***", "dummy", "<key>", "xxxxxxxx", "test-api-key", "API_KEY"]
)
def test_a_placeholder_is_not_a_foreign_key(tmp_path: Path, placeholder: str) -> None:
    path = write(tmp_path / "t.har", har(with_key(lawful(), placeholder)))
    assert violated(path, keys=(RIGHT,)) == set()


def test_check_takes_the_key_and_shows_it_nowhere(tmp_path: Path) -> None:
    path, report = write(tmp_path / "w.har", har(with_key(lawful(), WRONG))), tmp_path / "r.json"
    done = pollproof("check", "capsolver", str(path), "--api-key", RIGHT, "--json", str(report))
    assert done.returncode == 1
    assert "capsolver.wrong-key" in done.stdout
    for text in (done.stdout, done.stderr, report.read_text()):
        assert RIGHT not in text
        assert WRONG not in text
    assert CheckSpec(CAPSOLVER, keys=(RIGHT,)).command().endswith(' --api-key "$POLLPROOF_API_KEY"')
    assert CheckSpec(CAPSOLVER, keys=("sha256:00",)).command().endswith("--api-key sha256:00")


# ------------------------------------------------------------------------------- each side by itself


def changed(number: int, **told: Any) -> list[Said]:
    """The lawful conversation, one response of which says something else."""
    said = lawful()
    said[number] = said[number]._replace(told={**said[number].told, **told})
    return said


TAMPERED: dict[str, tuple[list[Said], set[str]]] = {
    "a final task runs again": ([*lawful(), polled(20, "processing")], {"poll.terminal"}),
    "an id that another task has": ([*lawful(), created(30)], {"create.unique-id"}),
    "the status of another API": (changed(2, status="pending"), {"poll.status"}),
    "back to idle": ([created(), polled(4, "processing"), polled(8, "idle")], {"poll.order"}),
    "ready without a solution": (changed(4, solution=None), {"poll.result-with-ready"}),
    "a solution before it is ready": (changed(2, solution={"text": "x"}), {"poll.result-only-when-ready"}),
    "an error that is ready": (changed(4, errorId=1, errorCode="E", errorDescription="x"), {"poll.error-not-ready"}),
    "another task's echo": (changed(2, taskId=OTHER), {"poll.echo"}),
    "the result of another task": (
        [created(), created(1, OTHER, ), polled(5, "ready"), polled(6, "ready", OTHER, "the-token-of-this-task")],
        set(),  # two like tasks may have like results
    ),
    "another result at the second read": ([*lawful(), polled(20, "ready", token="other")], {"poll.result-stable"}),
    "alive after its lifetime": ([created(), polled(310, "ready")], {"poll.lifetime-ended"}),
    "lost within its lifetime": (
        [created(), polled(4, "processing"), polled(8, "")._replace(told=NO_TASK)],
        {"poll.lifetime-served"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_provider_that_errs_is_found_whatever_its_client_does(tmp_path: Path, name: str) -> None:
    said, expected = TAMPERED[name]
    path = write(tmp_path / "t.har", har(said))
    assert expected <= {clause for clause in violated(path) if not clause.startswith("client.")}
    done = check(CAPSOLVER, [path])
    assert bool(expected) == any(entry.clause.subject.value == "provider" for entry in done.ledger.violated())


ERRING: dict[str, tuple[list[Said], set[str]]] = {
    "too early": ([created(), polled(4, "processing"), polled(5, "processing")], {"client.wait"}),
    "after the end": ([*lawful(), polled(20, "ready")], {"client.final"}),
    "too often": ([created(), *(polled(n, "processing") for n in range(1, 130))], {"client.budget", "client.wait"}),
    "after its lifetime": ([created(), polled(310, "")._replace(told=NO_TASK)], {"client.lifetime"}),
    "a number for a text": (
        [created(0, "12345678901"), polled(4, "", 12345678901)._replace(told=NO_TASK)],
        {"client.same-task-id", "client.poll-request"},
    ),
    "no type": (
        [created()._replace(asked={"clientKey": KEY, "task": {}}, told={**REFUSED, "errorCode": "ERROR_TASK_TYPE"})],
        {"client.create-request"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRING)
def test_a_client_that_errs_is_found_and_its_provider_is_not_accused(tmp_path: Path, name: str) -> None:
    said, expected = ERRING[name]
    assert violated(write(tmp_path / "t.har", har(said))) == expected
