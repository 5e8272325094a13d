"""Recordings judged: every format alike, with the doubt that their times leave, and never by what they leave out."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import brotli
import pytest
import yaml

from pollproof.check.judging import Checking, check
from pollproof.contract.model import Role
from pollproof.contract.places import parse_place
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from pollproof.recordings.encodings import decoded
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.files import find_recordings
from tests import tapes
from tests.tapes import CREATE, ID, KEY, POLL, TASK, Said, cassette, created, har, lawful, polled, write

CAPSOLVER = load_contract("capsolver")
DECODO = load_contract("decodo")
CNODE = load_contract("cnode")


def judged(*paths: Path, **more: Any) -> Checking:
    return check(more.pop("contract", CAPSOLVER), paths, **more)


def violated(checking: Checking) -> set[str]:
    prefix = checking.spec.contract.name + "."
    return {entry.clause.id.removeprefix(prefix) for entry in checking.ledger.violated()}


def exercised(checking: Checking) -> dict[str, tuple[Verdict, int]]:
    return {name: (entry.verdict, entry.exercised) for name, entry in checking.ledger.entries.items()}


FAULTS: dict[str, tuple[list[Said], set[str]]] = {
    "lawful": (lawful(), set()),
    "in work again": ([*lawful(), polled(20, "processing")], {"poll.terminal", "client.final"}),
    "another token": ([*lawful(), polled(20, "ready", token="another")], {"poll.result-stable", "client.final"}),
    "too fast": ([created(), polled(3, "processing"), polled(4, "ready")], {"client.wait"}),
    "served too late": (
        [created(), polled(4, "idle"), polled(320, "ready")],
        {"poll.lifetime-ended", "client.lifetime"},
    ),
    "an unknown status": ([created(), polled(4, "finished")], {"poll.status"}),
}
FORMATS = ["t.yaml", "t.json", "t.har", "t.yaml.gz", "t.har.gz"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_format_shows_the_same_faults(tmp_path: Path, name: str, fault: str) -> None:
    conversation, expected = FAULTS[fault]
    document = har(conversation) if "har" in name else cassette(conversation)
    checking = judged(write(tmp_path / name, document))
    assert violated(checking) == expected
    assert checking.detail.tally.matched == len(conversation)
    for entry in checking.ledger.violated():
        assert entry.evidence is not None
        assert len(entry.evidence.trace.exchanges) == len(entry.evidence.trace.places) > 0
        assert entry.evidence.trace.places[-1] == f"{tmp_path / name}, entry {len(conversation)}"


# -------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(("apart", "verdict"), [(1, Verdict.VIOLATED), (2, Verdict.UNEXERCISED), (4, Verdict.HELD)])
def test_date_headers_count_in_seconds(tmp_path: Path, apart: int, verdict: Verdict) -> None:
    path = write(tmp_path / "t.yaml", cassette([created(), polled(10, "idle"), polled(10 + apart, "ready")]))
    entry = judged(path).ledger["capsolver.client.wait"]
    assert entry.verdict is verdict
    if entry.evidence is not None:
        assert entry.evidence.violation.seen == "a poll after 0 to 2 s"


@pytest.mark.parametrize(
    ("gap", "verdict"), [(2.99, Verdict.VIOLATED), (2.9995, Verdict.UNEXERCISED), (3, Verdict.HELD)]
)
def test_har_counts_in_milliseconds(tmp_path: Path, gap: float, verdict: Verdict) -> None:
    document = har([created(), polled(10, "idle"), polled(10 + gap, "ready")])
    if gap == 2.9995:
        document["log"]["entries"][2]["startedDateTime"] = "2026-03-01T12:00:12.999+00:00"
    assert judged(write(tmp_path / "t.har", document)).ledger["capsolver.client.wait"].verdict is verdict


@pytest.mark.parametrize(
    "started", ["2026-03-01T14:00:04.100+02:00", "2026-03-01T12:00:04.1Z", "2026-03-01T12:00:04.100000123Z"]
)
def test_zones_and_fractions_of_har_times_are_understood(tmp_path: Path, started: str) -> None:
    document = har([created(), polled(1, "idle"), polled(10, "ready")])
    document["log"]["entries"][1]["startedDateTime"] = started
    entry = judged(write(tmp_path / "t.har", document)).ledger["capsolver.client.wait"]
    assert (entry.verdict, entry.exercised) == (Verdict.HELD, 1)


def test_without_times_order_alone_is_judged(tmp_path: Path) -> None:
    slow = [created(), polled(1, "idle"), polled(1.1, "ready"), polled(999, "processing")]
    checking = judged(write(tmp_path / "t.yaml", cassette(slow, dated=False)))
    assert violated(checking) == {"poll.terminal", "client.final"}
    assert checking.ledger["capsolver.client.wait"].verdict is Verdict.UNEXERCISED
    assert checking.ledger["capsolver.poll.lifetime-ended"].verdict is Verdict.UNEXERCISED


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        ([created(), polled(4, "processing"), polled(8, "idle")], {"poll.order"}),
        ([created(), polled(4, "idle"), polled(8, "processing")], set()),
        ([created(), *(polled(4 * n, "processing") for n in range(1, 121)), polled(490, "idle")], {"client.budget"}),
        ([polled(4, "processing"), polled(8, "idle")], set()),  # it may have been asked 120 times before
    ],
)
def test_without_times_statuses_have_their_order(tmp_path: Path, conversation: list[Said], expected: set[str]) -> None:
    assert violated(judged(write(tmp_path / "t.yaml", cassette(conversation, dated=False)))) == expected


def test_without_times_a_task_that_was_ready_has_not_failed(tmp_path: Path) -> None:
    told = {"errorId": 1, "errorCode": "ERROR_CAPTCHA_UNSOLVABLE", "errorDescription": "no"}
    failed = polled(12, "ready")._replace(told=told)
    for before, expected in (("ready", {"poll.terminal", "client.final"}), ("processing", set())):
        conversation = [created(), polled(4, "processing"), polled(8, before), failed]
        assert violated(judged(write(tmp_path / "t.yaml", cassette(conversation, dated=False)))) == expected


@pytest.mark.parametrize("name", ["t.yaml", "t.har"])
def test_entries_are_put_in_order_of_time(tmp_path: Path, name: str) -> None:
    conversation = list(reversed(lawful()))
    assert (
        violated(judged(write(tmp_path / name, har(conversation) if "har" in name else cassette(conversation))))
        == set()
    )


def test_a_long_recording_out_of_order_is_sorted_whole(tmp_path: Path) -> None:
    conversation = [
        said
        for number in range(600)
        for said in (created(10.0 * number, f"{number:036d}"), polled(10.0 * number + 4, "ready", f"{number:036d}"))
    ]
    straight = judged(write(tmp_path / "straight.har", har(conversation)))
    mixed = conversation[700:] + conversation[:700][::-1]
    checking = judged(write(tmp_path / "mixed.har", har(mixed)))
    assert exercised(checking) == exercised(straight)
    assert violated(checking) == set()
    assert checking.detail.tally.matched == 1200


def test_answers_that_were_under_way_together_have_no_order(tmp_path: Path) -> None:
    together = [created(), polled(4, "ready", took=9.0), polled(8, "processing", took=0.2), polled(14, "ready")]
    assert violated(judged(write(tmp_path / "t.har", har(together[:3])))) == set()
    assert violated(judged(write(tmp_path / "t.har", har(together)))) == {"client.final"}
    apart = [created(), polled(4, "ready", took=1.0), polled(8, "processing", took=0.2)]
    assert violated(judged(write(tmp_path / "t.har", har(apart)))) == {"poll.terminal", "client.final"}


# ------------------------------------------------------------------------------------------- bodies


def encoded(name: str) -> tuple[str, Any]:
    plain = json.dumps({"errorId": 0, "status": "ready", "solution": {"text": "ż" * 30}}).encode()
    machine = zlib.compressobj(wbits=-15)
    return {
        "gzip": ("gzip", tapes.ENCODERS["gzip"](plain)),
        "br": ("br", brotli.compress(plain)),
        "deflate": ("deflate", zlib.compress(plain)),
        "raw deflate": ("deflate", machine.compress(plain) + machine.flush()),
        "unpacked already": ("gzip", plain),
        "unpacked by name": ("br", plain.decode()),
        "twice": ("gzip, gzip", tapes.ENCODERS["gzip"](tapes.ENCODERS["gzip"](plain))),
    }[name]


@pytest.mark.parametrize(
    "name", ["gzip", "br", "deflate", "raw deflate", "unpacked already", "unpacked by name", "twice"]
)
def test_content_encodings_are_undone(tmp_path: Path, name: str) -> None:
    document = cassette([created(), polled(4, "ready")])
    encoding, body = encoded(name)
    response = document["interactions"][1]["response"]
    response["headers"]["content-encoding"] = [encoding]
    response["body"] = {"string": body}
    checking = judged(write(tmp_path / "t.yaml", document))
    assert violated(checking) == set()
    assert checking.ledger["capsolver.poll.result-with-ready"].exercised == 1


def test_an_encoding_that_is_not_read_says_nothing_of_the_provider(tmp_path: Path) -> None:
    document = cassette([created(), polled(4, "ready")])
    response = document["interactions"][1]["response"]
    response["headers"]["content-encoding"] = ["zstd"]
    response["body"] = {"string": b"(\xb5/\xfd\x04\x00\x01"}
    checking = judged(write(tmp_path / "t.yaml", document))
    assert violated(checking) == set()
    assert checking.ledger["capsolver.poll.status"].exercised == 0


def test_older_forms_of_vcrpy_are_read(tmp_path: Path) -> None:
    document = cassette(lawful())
    entries = document["interactions"]
    entries[0]["response"] = {
        "status_code": 200,
        "http_version": "HTTP/1.1",
        "headers": [["content-type", "application/json"]],
        "content": entries[0]["response"]["body"]["string"],
    }
    entries[1]["response"]["body"] = {
        "base64_string": base64.b64encode(entries[1]["response"]["body"]["string"].encode()).decode()
    }
    entries[2]["request"]["body"] = entries[2]["request"]["body"].encode()
    checking = judged(write(tmp_path / "t.yaml", document))
    assert violated(checking) == set()
    assert checking.ledger["capsolver.poll.status"].exercised == 4
    assert checking.ledger["capsolver.create.response-shape"].exercised == 1


def test_anchors_that_vcrpy_writes_are_followed(tmp_path: Path) -> None:
    document = cassette(lawful())
    shared = ["application/json"]
    for entry in document["interactions"]:
        entry["request"]["headers"]["Accept"] = shared
    path = write(tmp_path / "t.yaml", document)
    assert "*id001" in path.read_text()
    assert violated(judged(path)) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"content": {"size": 812, "mimeType": "application/json"}},  # the browser had dropped it
        {"status": 304, "content": {"size": 0}},
        {"status": 0, "content": {"size": 0}},
    ],
)
def test_a_body_that_was_not_recorded_is_held_against_nobody(tmp_path: Path, change: dict[str, Any]) -> None:
    document = har(lawful())
    document["log"]["entries"][2]["response"] |= change
    checking = judged(write(tmp_path / "t.har", document))
    assert violated(checking) == set()
    assert checking.ledger["capsolver.poll.status"].exercised == 3


def test_what_the_browser_answered_itself_is_left_out(tmp_path: Path) -> None:
    document = har([created(), polled(4, "ready"), polled(4.1, "ready")])
    document["log"]["entries"][2]["_fromCache"] = "memory"
    checking = judged(write(tmp_path / "t.har", document))
    assert violated(checking) == set()
    assert sum(checking.detail.tally.unrecorded.values()) == 1


# ------------------------------------------------------------------------------------------ matching


@pytest.mark.parametrize(
    ("base", "mine"),
    [
        ("https://api.capsolver.com", True),
        ("https://api-stable.capsolver.com", True),
        ("http://127.0.0.1:8123", True),
        ("http://localhost:8123/mock/v1", True),
        ("http://mock:80", True),
        ("http://[::1]:9", True),
        ("https://capsolver.test", True),
        ("https://api.2captcha.com", False),
        ("https://api.capmonster.cloud", False),
        ("https://notcapsolver.com", False),
        ("ftp://api.capsolver.com", False),
    ],
)
def test_only_the_providers_own_hosts_and_test_hosts_are_judged(tmp_path: Path, base: str, mine: bool) -> None:
    conversation = [said._replace(base=base) for said in FAULTS["in work again"][0]]
    checking = judged(write(tmp_path / "t.yaml", cassette(conversation)))
    assert bool(violated(checking)) is mine
    assert checking.detail.tally.matched == (6 if mine else 0)


def test_a_base_url_names_the_one_to_judge(tmp_path: Path) -> None:
    elsewhere = [said._replace(base="https://api.example-imitator.io/v9") for said in FAULTS["in work again"][0]]
    path = write(tmp_path / "t.yaml", cassette([*lawful(), *elsewhere]))
    assert violated(judged(path)) == set()
    assert violated(judged(path, base_url="https://api.example-imitator.io/v9/")) == {"poll.terminal", "client.final"}


def test_other_traffic_is_skipped_and_counted(tmp_path: Path) -> None:
    noise = [
        Said(1, "/collect", {"a": 1}, {}, base="https://telemetry.invalid.example.io"),
        Said(2, "/getBalance", {"clientKey": KEY}, {"errorId": 0, "balance": 1}),
        Said(2, "/createTask/../x", {}, {}),
    ]
    checking = judged(write(tmp_path / "t.har", har([*noise, *lawful()])))
    assert violated(checking) == set()
    assert checking.detail.tally.matched == 5
    assert checking.detail.tally.entries == 8
    assert sum(checking.detail.tally.elsewhere.values()) == 1
    assert sum(checking.detail.tally.unknown.values()) == 2


@pytest.mark.parametrize("path", [POLL + "/", POLL + "?key=1"])
def test_slashes_and_queries_do_not_hide_an_operation(tmp_path: Path, path: str) -> None:
    conversation = [said._replace(path=path) if said.path == POLL else said for said in FAULTS["in work again"][0]]
    assert "poll.terminal" in violated(judged(write(tmp_path / "t.yaml", cassette(conversation))))


# ------------------------------------------------------------------------- what recordings leave out


@pytest.mark.parametrize("key", ["removed", None, ""])
def test_a_key_that_was_taken_out_is_no_fault_of_the_client(tmp_path: Path, key: str | None) -> None:
    conversation = []
    for said in lawful():
        rest = {name: value for name, value in said.asked.items() if name != "clientKey"}
        conversation.append(said._replace(asked=rest if key == "removed" else {"clientKey": key, **rest}))
    checking = judged(write(tmp_path / "t.yaml", cassette(conversation)))
    assert violated(checking) == set()
    assert checking.detail.tally.keyless == 5


def test_another_missing_field_is_the_clients_fault(tmp_path: Path) -> None:
    conversation = [created(), polled(4, "ready")._replace(asked={"clientKey": KEY})]
    assert "client.poll-request" in violated(judged(write(tmp_path / "t.yaml", cassette(conversation))))


def test_a_poll_that_is_refused_for_its_key_does_not_lose_the_task(tmp_path: Path) -> None:
    refusal = {"errorId": 1, "errorCode": "ERROR_KEY_DENIED_ACCESS", "errorDescription": "wrong key"}
    conversation = [*lawful(), polled(20, "ready")._replace(told=refusal, status=401)]
    checking = judged(write(tmp_path / "t.har", har(conversation)))
    assert violated(checking) == set()
    assert checking.detail.tally.refused_keys == 1


def test_a_recording_may_begin_in_the_middle_and_end_early(tmp_path: Path) -> None:
    everything = lawful()
    for part in (everything[1:], everything[2:], everything[:2], everything[-1:], everything[:1]):
        assert violated(judged(write(tmp_path / "t.har", har(part)))) == set()


def test_polls_of_foreign_ids_count_only_where_the_recording_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "t.har", har([created(), polled(4, "ready", "c" * 36)]))
    checking = judged(path)
    assert violated(checking) == set()
    assert checking.detail.orphans == 1
    assert violated(judged(path, whole=True)) == {"client.same-task-id", "poll.unknown-task"}


def test_each_file_is_a_trace_of_its_own_unless_they_belong_together(tmp_path: Path) -> None:
    everything = [*lawful(), polled(20, "processing")]
    first = write(tmp_path / "1.har", har(everything[3:]))
    second = write(tmp_path / "2.har", har(everything[:3]))
    assert violated(judged(second, write(tmp_path / "3.har", har([created()])))) == set(), "the same id in two files"
    assert violated(judged(first, second, together=True)) == {"poll.terminal", "client.final"}


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "t.har", har([*lawful(), polled(20, "processing")] * 3))
    path.write_bytes(path.read_bytes()[:-40])
    good = write(tmp_path / "u.har", har(lawful()))
    checking = judged(path, good)
    assert exercised(checking) == exercised(judged(good))
    assert [error.file for error in checking.detail.unread] == [str(path)]


# --------------------------------------------------------------------------------- the other providers


def test_callbacks_are_known_by_the_address_that_a_creation_gave(tmp_path: Path) -> None:
    stamp = {"created_at": "2026-03-01 12:00:00", "updated_at": "2026-03-01 12:00:00"}
    asked = {"url": "https://example.com/", "callback_url": "https://hooks.shop.io/done"}
    base, identifier = "https://scraper-api.decodo.com/v3", "7434928397127555073"
    task = {**asked, "id": identifier, "status": "pending", **stamp}
    called = {"url": "https://example.com/", "id": identifier, "status": "pending", **stamp}
    conversation = [
        Said(0, "/task", asked, task, base=base),
        Said(5, "/done", called, "", base="https://hooks.shop.io"),
        Said(6, "/else", called, "", base="https://hooks.shop.io"),
    ]
    checking = judged(write(tmp_path / "t.har", har(conversation)), contract=DECODO)
    assert violated(checking) == {"callback.final"}
    assert checking.detail.tally.matched == 2


def test_callbacks_are_known_by_the_address_that_a_batch_gave(tmp_path: Path) -> None:
    stamp = {"created_at": "2026-03-01 12:00:00", "updated_at": "2026-03-01 12:00:00"}
    asked = {"url": ["https://example.com/a", "https://example.com/b"], "callback_url": "https://hooks.shop.io/done"}
    base, identifier = "https://scraper-api.decodo.com/v3", "7434928397127555073"
    member = {"id": identifier, "url": "https://example.com/a", "status": "pending", **stamp}
    other = {**member, "id": "7434928397127555074", "url": "https://example.com/b"}
    conversation = [
        Said(0, "/task/batch", asked, {"id": "7434928397127555000", "queries": [member, other]}, base=base),
        Said(5, "/done", member, "", base="https://hooks.shop.io"),
    ]
    checking = judged(write(tmp_path / "t.har", har(conversation)), contract=DECODO)
    assert checking.detail.tally.matched == 2
    assert "callback.final" in violated(checking)


def test_callbacks_are_known_by_the_address_where_a_contract_has_it(tmp_path: Path) -> None:
    place = parse_place("request#/notify/at")
    operations = {
        name: replace(operation, address=place) if operation.role is Role.CALLBACK else operation
        for name, operation in DECODO.operations.items()
    }
    stamp = {"created_at": "2026-03-01 12:00:00", "updated_at": "2026-03-01 12:00:00"}
    asked = {"url": "https://example.com/", "notify": {"at": "https://hooks.shop.io/done"}}
    base, identifier = "https://scraper-api.decodo.com/v3", "7434928397127555073"
    task = {"url": "https://example.com/", "id": identifier, "status": "pending", **stamp}
    conversation = [
        Said(0, "/task", asked, task, base=base),
        Said(5, "/done", task, "", base="https://hooks.shop.io"),
    ]
    contract = replace(DECODO, operations=operations)
    checking = judged(write(tmp_path / "t.har", har(conversation)), contract=contract)
    assert checking.detail.tally.matched == 2
    assert "callback.final" in violated(checking)
    assert judged(write(tmp_path / "u.har", har(conversation)), contract=DECODO).detail.tally.matched == 1


def soap(name: str, inner: str) -> str:
    return (
        '<?xml version="1.0" encoding="ISO-8859-2"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="ns1">'
        f"<s:Body><n:{name}>{inner}</n:{name}></s:Body></s:Envelope>"
    )


def test_soap_is_known_by_its_body_on_any_host(tmp_path: Path) -> None:
    def poll(at: float, status: str) -> Said:
        inner = (
            "<return><type>CHECK_ó</type><progressPercent>5</progressPercent>"
            f"<status>{status}</status><additionalInfo>{{}}</additionalInfo><taskId>QF4KJMNG3ESEG2245J7901KD</taskId>"
            "<requestStatus>SUCCESS</requestStatus><requestStatusDescription/></return>"
        )
        asked = soap("getTaskStatus", "<taskId>QF4KJMNG3ESEG2245J7901KD</taskId><callback>false</callback>")
        return Said(at, "/any/soap", asked, soap("getTaskStatusResponse", inner), base="https://node.bank.pl")

    other = Said(1, "/any/soap", soap("getWeather", ""), soap("getWeatherResponse", ""), base="https://node.bank.pl")
    path = write(tmp_path / "t.har", har([poll(0, "FINISHED_OK"), other, poll(5, "SEARCHING")]))
    checking = judged(path, contract=CNODE)
    assert violated(checking) == {"poll.terminal", "client.final"}
    assert checking.detail.tally.matched == 2


# -------------------------------------------------------------------------------------------- files


def test_folders_and_patterns_mean_the_recordings_in_them(tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    names = [
        write(inside / "one.yaml", cassette(lawful())),
        write(tmp_path / "a" / "two.har.gz", har(lawful())),
    ]
    (tmp_path / "a" / "notes.txt").write_text("no recording")
    (tmp_path / "a" / "settings.json").write_text('{"theme": "dark"}')
    found = find_recordings([str(tmp_path / "a")])
    assert set(found) == {*names, tmp_path / "a" / "settings.json"}
    assert find_recordings([str(tmp_path / "**" / "*.yaml")]) == [names[0]]
    checking = judged(*found)
    assert checking.detail.ignored == [str(tmp_path / "a" / "settings.json")]
    assert checking.detail.unread == []
    with pytest.raises(RecordingError, match="no file matches"):
        find_recordings([str(tmp_path / "*.har")])


def test_metadata_that_vcrpy_moved_behind_the_interactions_is_still_found(tmp_path: Path) -> None:
    rows = [{"sent": said.at, "received": said.at + said.took} for said in lawful()]
    document = cassette(lawful(), dated=False, metadata={"pollproof": {"format": 1, "exchanges": rows[:4]}})
    for name, text in (("t.yaml", yaml.dump(document)), ("t.json", json.dumps(document))):
        path = tmp_path / name
        path.write_text(text)
        checking = judged(path)
        assert checking.detail.tally.times == {"exact": 4, "none": 1}, "an interaction that was added later has no time"
        assert checking.ledger["capsolver.client.wait"].exercised == 2


def test_a_creation_alone_is_judged_by_its_shape(tmp_path: Path) -> None:
    wrong = Said(0, CREATE, {"clientKey": KEY, "task": TASK}, {"errorId": 0, "taskId": int(ID[:4], 16)})
    assert violated(judged(write(tmp_path / "t.yaml", cassette([wrong])))) == {"create.response-shape"}


# -------------------------------------------------------------- what recorders do, seen in the field


def test_several_coarse_times_can_show_what_each_alone_cannot(tmp_path: Path) -> None:
    hasty = [created(), *(polled(10 + 2 * n, "processing") for n in range(5))]
    entry = judged(write(tmp_path / "t.yaml", cassette(hasty))).ledger["capsolver.client.wait"]
    assert entry.verdict is Verdict.VIOLATED
    assert entry.evidence is not None
    assert entry.evidence.violation.message == "expected at least 6 s for 2 waits of 3 s; seen 3 to 5 s"
    lawful_ones = [created(), *(polled(10 + 3.05 * n + 0.4 * (n % 2), "processing") for n in range(40))]
    assert violated(judged(write(tmp_path / "u.yaml", cassette(lawful_ones)))) == set()


def test_json_that_aiohttp_was_given_keeps_its_types(tmp_path: Path) -> None:
    document = cassette([created(identifier=7654321), polled(4, "ready", identifier=7654321)])
    for entry in document["interactions"]:
        entry["request"]["body"] = json.loads(entry["request"]["body"])
        entry["request"]["headers"] = {}
    checking = judged(write(tmp_path / "t.yaml", document), contract=load_contract("capmonster"), base_url=DOCUMENTED)
    assert violated(checking) == set()
    assert checking.ledger["capmonster.client.same-task-id"].verdict is Verdict.HELD
    assert checking.ledger["capmonster.client.poll-request"].verdict is Verdict.HELD


DOCUMENTED = "https://api.capsolver.com"


@pytest.mark.parametrize("size", [100, 70_000, 5_000_000])
def test_brotli_of_any_size_is_undone(size: int) -> None:
    body = json.dumps({"text": "".join(chr(97 + n * n % 26) for n in range(size))}).encode()
    assert decoded(brotli.compress(body, quality=3), "br") == body


def test_bodies_of_requests_that_a_recorder_took_out_are_held_against_nobody(tmp_path: Path) -> None:
    document = cassette(lawful())
    for entry in document["interactions"]:
        entry["request"]["body"] = None
    checking = judged(write(tmp_path / "t.yaml", document))
    assert (checking.detail.tally.matched, sum(checking.detail.tally.unrecorded.values())) == (0, 5)
    for entry in document["interactions"]:
        entry["request"]["headers"]["Content-Length"] = ["0"]
    assert "client.poll-request" in violated(judged(write(tmp_path / "t.yaml", document)))


def test_bodies_that_playwright_left_out_are_not_recorded(tmp_path: Path) -> None:
    for file in ({"_file": "0123.json"}, {}):
        document = har(lawful())
        for entry in document["log"]["entries"]:
            entry["request"]["postData"] = {"mimeType": "application/json", "text": "", **file}
            entry["response"]["content"] = {"size": 70, "mimeType": "application/json", **file}
        checking = judged(write(tmp_path / "t.har", document))
        assert violated(checking) == set()
        assert sum(checking.detail.tally.unrecorded.values()) == 5


def test_a_wait_is_counted_from_the_last_answer(tmp_path: Path) -> None:
    conversation = [
        created(),
        polled(4, "processing"),
        polled(8, "processing")._replace(told=None),
        polled(8.5, "ready"),
    ]
    assert violated(judged(write(tmp_path / "t.har", har(conversation)))) == set()


def test_the_form_of_an_id_is_the_doing_of_who_gave_it(tmp_path: Path) -> None:
    conversation = [created(identifier=1234567), polled(4, "ready", identifier=1234567)]
    assert violated(judged(write(tmp_path / "t.har", har(conversation)))) == {"create.response-shape"}


def test_what_has_failed_does_not_succeed_whatever_the_time(tmp_path: Path) -> None:
    failure = {"errorId": 1, "errorCode": "ERROR_CAPTCHA_UNSOLVABLE", "errorDescription": "no"}
    conversation = [created(), polled(4, "ready")._replace(told=failure), polled(9, "ready")]
    checking = judged(write(tmp_path / "t.yaml", cassette(conversation, dated=False)))
    assert violated(checking) == {"poll.terminal", "client.final"}


def test_a_yaml_file_may_be_written_like_json(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(yaml.dump(cassette(lawful()), default_flow_style=True))
    assert path.read_text().startswith("{")
    assert violated(judged(path)) == set()


def test_seconds_may_be_counted_from_1970(tmp_path: Path) -> None:
    document = har(lawful())
    for number, entry in enumerate(document["log"]["entries"]):
        entry["startedDateTime"] = f"1970-01-01T00:00:{4 * number:02d}.000Z"
    assert judged(write(tmp_path / "t.har", document)).ledger["capsolver.client.wait"].exercised == 3


@pytest.mark.parametrize(
    ("at", "soon", "expected"), [(6.2, 7.0, set()), (6.2, 6.3, set()), (4.6, 7.0, {"client.wait"})]
)
def test_no_wait_is_documented_after_a_page_of_a_gateway(
    tmp_path: Path, at: float, soon: float, expected: set[str]
) -> None:
    page = polled(at, "")._replace(status=503, told="<html>Service Unavailable</html>", took=0.05)
    conversation = [created(), polled(3.1, "processing"), page, polled(soon, "ready")]
    for name, write_as in (("t.har", har), ("t.yaml", cassette)):
        assert violated(judged(write(tmp_path / name, write_as(conversation)))) == expected


@pytest.mark.parametrize(
    ("stated", "at", "expected"),
    [
        (False, 7.0, set()),  # the page ties its 3 seconds to processing
        (False, 4.6, {"client.wait"}),
        (True, 7.0, {"client.wait"}),
    ],
)
def test_a_wait_after_an_error_is_judged_where_one_is_stated(
    tmp_path: Path, stated: bool, at: float, expected: set[str]
) -> None:
    limits = replace(CAPSOLVER.limits, wait_after_errors=stated)
    busy = {"errorId": 1, "errorCode": "ERROR_RATE_LIMIT", "errorDescription": "x"}
    second = polled(min(at - 0.8, 6.2), "", took=0.05)._replace(told=busy)
    conversation = [created(), polled(3.1, "processing"), second, polled(at, "ready")]
    path = write(tmp_path / "b.har", har(conversation))
    assert violated(judged(path, contract=replace(CAPSOLVER, limits=limits))) == expected
