"""Bodies and times as recorders leave them: what they lost is held against nobody, what they garbled is mended."""

from __future__ import annotations

import base64
import gzip
import html
import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import brotli
import pytest
import yaml

from pollproof.check.judging import Checking, check
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Verdict
from tests.servers import pollproof
from tests.tapes import Said, cassette, created, har, interaction, lawful, polled, write

CAPSOLVER = load_contract("capsolver")


def judged(*paths: Path, **more: Any) -> Checking:
    return check(CAPSOLVER, paths, **more)


def violated(checking: Checking) -> set[str]:
    return {entry.clause.id.removeprefix("capsolver.") for entry in checking.ledger.violated()}


def with_responses(conversation: list[Said], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    document = har(conversation)
    for entry in document["log"]["entries"]:
        change(entry["response"])
    return document


def without_body(content: dict[str, Any] | None, **more: Any) -> Callable[[dict[str, Any]], None]:
    """A change of a response that takes its body out and leaves what some recorder leaves."""

    def change(response: dict[str, Any]) -> None:
        response["headers"] += [{"name": name, "value": value} for name, value in more.get("headers", {}).items()]
        response["bodySize"] = more.get("bodySize", -1)
        if content is None:
            del response["content"]
        else:
            response["content"] = {"mimeType": "application/json", **content}

    return change


LENGTH = {"headers": {"Content-Length": "93"}}
ABSENT = {
    "size 0 and a body size": without_body({"size": 0}, bodySize=93),
    "size 0, empty text and a body size": without_body({"size": 0, "text": ""}, bodySize=93),
    "no size, empty text and a body size": without_body({"text": ""}, bodySize=93),
    "size -1": without_body({"size": -1}),
    "size -1 and null": without_body({"size": -1, "text": None}),
    "null and a length": without_body({"size": 0, "text": None}, **LENGTH),
    "an empty text and a length": without_body({"size": 0, "text": ""}, bodySize=0, **LENGTH),
    "a length as text twice": without_body({"text": ""}, headers={"Content-Length": "93, 93"}),
    "compression": without_body({"size": 0, "text": "", "compression": 93}),
    "a packed length": without_body({"size": 0, "text": ""}, bodySize=0, headers={"Content-Encoding": "gzip"}),
    "chunks": without_body({"size": 0, "text": ""}, bodySize=0, headers={"Transfer-Encoding": "chunked"}),
    "a size and empty text": without_body({"size": 93, "text": ""}),
    "only a type": without_body({}),
    "only a type, and no body size": without_body({}, bodySize=0),
    "no content": without_body(None),
    "a comment": without_body({"size": 93, "comment": "Response bodies are not included."}),
    "a file": without_body({"size": 0, "_file": "0001.json"}),
    "sizes as text": without_body({"size": "0", "text": ""}, bodySize="93"),
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_body_that_a_recorder_left_out_is_not_an_empty_body(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "t.har", with_responses(lawful(), ABSENT[name]))
    checking = judged(path, whole=True)
    assert violated(checking) == set()
    assert (checking.detail.tally.responses, sum(checking.detail.tally.lost.values())) == (5, 5)
    assert checking.ledger["capsolver.poll.response-shape"].exercised == 0
    done = pollproof("check", "capsolver", str(path))
    assert done.returncode == 3
    assert "INCONCLUSIVE" in done.stdout
    assert "5 of 5 response bodies were not recorded" in done.stdout.splitlines()[-1]


def test_a_body_that_is_missing_says_nothing_of_the_others(tmp_path: Path) -> None:
    document = har(FAULTY)
    document["log"]["entries"][1]["response"]["content"] = {"size": 93, "text": ""}
    path = write(tmp_path / "t.har", document)
    assert violated(judged(path)) == {"poll.terminal", "client.final"}
    assert "1 of 6 response bodies were not recorded" in pollproof("check", "capsolver", str(path)).stdout


FAULTY = [*lawful(), polled(20, "processing")]


@pytest.mark.parametrize(
    "empty",
    [
        without_body({"size": 0, "text": ""}, bodySize=0),
        without_body({"size": 0}, bodySize=0),
        without_body({"size": 0, "text": ""}, headers={"Content-Length": "0"}),
    ],
)
def test_a_body_that_was_empty_is_judged(tmp_path: Path, empty: Callable[[dict[str, Any]], None]) -> None:
    checking = judged(write(tmp_path / "t.har", with_responses(lawful(), empty)))
    assert violated(checking) == {"create.response-shape", "poll.response-shape"}
    assert not checking.detail.tally.lost


def test_a_client_that_repeats_what_was_not_recorded_is_not_retrying(tmp_path: Path) -> None:
    many = [created(), *(polled(4.0 * n, "processing") for n in range(1, 310))]
    checking = judged(write(tmp_path / "t.har", with_responses(many, without_body({"size": 93}))))
    assert violated(checking) == {"client.budget"}
    refused = judged(write(tmp_path / "u.har", har([one._replace(told=None) for one in many])))
    assert violated(refused) == {"client.retries"}  # polls that nobody answered may not have reached the provider


@pytest.mark.parametrize("lost", ["creation", "request of a creation"])
def test_an_id_that_a_lost_creation_may_have_given_is_foreign_to_nobody(tmp_path: Path, lost: str) -> None:
    document = har([created(), created(1.0, "another"), polled(6, "ready", "another")])
    entry = document["log"]["entries"][1]
    assert violated(judged(write(tmp_path / "t.har", document), whole=True)) <= {"create.response-shape"}
    if lost == "creation":
        entry["response"]["content"] = {"size": 93}
    else:
        entry["request"]["postData"] = {"text": ""}
    assert violated(judged(write(tmp_path / "u.har", document), whole=True)) == set()


@pytest.mark.parametrize(
    "failed",
    [
        {"_error": "net::ERR_HTTP2_PROTOCOL_ERROR"},
        {"_failureText": "net::ERR_ABORTED"},
        {"_error": {"message": "reset"}},
        {"_error": -105},
        {"_aborted": True},
    ],
)
@pytest.mark.parametrize("place", ["entry", "response"])
def test_a_request_that_failed_has_no_response_whatever_its_status_says(
    tmp_path: Path, failed: dict[str, Any], place: str
) -> None:
    document = har(lawful())
    entry = document["log"]["entries"][2]
    entry["response"]["content"]["text"] = '{"errorId": 0, "stat'
    (entry if place == "entry" else entry["response"]).update(failed)
    checking = judged(write(tmp_path / "t.har", document))
    assert violated(checking) == set()
    assert (checking.detail.tally.responses, sum(checking.detail.tally.lost.values())) == (4, 0)
    document["log"]["entries"][2]["_error"] = document["log"]["entries"][2]["response"]["_error"] = None
    document["log"]["entries"][2]["response"] |= dict.fromkeys(failed)
    document["log"]["entries"][2] |= dict.fromkeys(failed)
    document["log"]["entries"][2]["response"]["content"].pop("size")
    assert "poll.response-shape" in violated(judged(write(tmp_path / "u.har", document)))


def test_text_that_is_shorter_than_its_size_was_cut(tmp_path: Path) -> None:
    def cut(response: dict[str, Any]) -> None:
        response["content"]["text"] = response["content"]["text"][:30]

    def sloppy(response: dict[str, Any]) -> None:
        response["content"]["size"] = 9999  # of a body that is whole all the same

    def no_json(response: dict[str, Any]) -> None:
        response["content"] |= {"text": "out of order", "size": 12}

    assert violated(judged(write(tmp_path / "t.har", with_responses(FAULTY, cut)))) == set()
    assert "poll.terminal" in violated(judged(write(tmp_path / "u.har", with_responses(FAULTY, sloppy))))
    assert "poll.response-shape" in violated(judged(write(tmp_path / "v.har", with_responses(FAULTY, no_json))))


# --------------------------------------------------------------------------------------------- codings


def as_text(change: Callable[[str], tuple[str, str | None]]) -> Callable[[dict[str, Any]], None]:
    def apply(response: dict[str, Any]) -> None:
        content = response["content"]
        content["text"], label = change(content["text"])
        if label is not None:
            content["encoding"] = label

    return apply


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def gz(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


GARBLED = {
    "plain, labelled base64": lambda text: (text, "base64"),
    "base64": lambda text: (b64(text.encode()), "base64"),
    "BASE64": lambda text: (b64(text.encode()), "BASE64"),
    "base64 in lines": lambda text: (base64.encodebytes(text.encode()).decode(), "base64"),
    "url-safe": lambda text: (base64.urlsafe_b64encode(text.encode() + b" " * 9).decode(), "base64"),
    "no padding": lambda text: (b64(text.encode()).rstrip("="), "base64"),
    "a data URL": lambda text: ("data:application/json;base64," + b64(text.encode()), "base64"),
    "base64 without a label": lambda text: (b64(text.encode()), None),
    "base64 twice": lambda text: (b64(b64(text.encode()).encode()), "base64"),
    "gzip in base64": lambda text: (b64(gz(text)), "base64"),
    "gzip in base64 without a label": lambda text: (b64(gz(text)), None),
    "zlib in base64": lambda text: (b64(zlib.compress(text.encode())), "base64"),
    "gzip, one character a byte": lambda text: (gz(text).decode("latin-1"), None),
    "zlib, one character a byte": lambda text: (zlib.compress(text.encode()).decode("latin-1"), None),
}


@pytest.mark.parametrize("header", [None, "gzip", "br"])
@pytest.mark.parametrize("name", GARBLED)
def test_a_garbled_body_is_read_or_not_recorded_and_held_against_nobody(
    tmp_path: Path, name: str, header: str | None
) -> None:
    for conversation, expected in ((lawful(), set()), (FAULTY, {"poll.terminal", "client.final"})):
        document = with_responses(conversation, as_text(GARBLED[name]))
        for entry in document["log"]["entries"] if header else ():
            entry["response"]["headers"].append({"name": "Content-Encoding", "value": header})
        checking = judged(write(tmp_path / "t.har", document))
        assert violated(checking) == expected
        assert not checking.detail.tally.lost


REWRITTEN: dict[str, Callable[[str], Any]] = {
    "hexadecimal digits": lambda text: text.encode().hex(),
    "a literal of Python": lambda text: repr(text.encode()),
    "a text in JSON": json.dumps,
    "entities": html.escape,
    "chunks": lambda text: f"{len(text):x}\r\n{text}\r\n0\r\n\r\n",
    "head and body": lambda text: f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{text}",
    "a list of bytes": lambda text: list(text.encode()),
    "a buffer of Node": lambda text: {"type": "Buffer", "data": list(text.encode())},
    "gzip as a list of bytes": lambda text: list(gz(text)),
}


@pytest.mark.parametrize("side", ["request", "response"])
@pytest.mark.parametrize("name", REWRITTEN)
def test_bytes_that_a_recorder_wrote_in_another_form_are_turned_back(tmp_path: Path, name: str, side: str) -> None:
    for conversation, expected in ((lawful(), set()), (FAULTY, {"poll.terminal", "client.final"})):
        document = har(conversation)
        for entry in document["log"]["entries"]:
            part = entry["response"]["content"] if side == "response" else entry["request"]["postData"]
            part["text"] = REWRITTEN[name](part["text"])
        checking = judged(write(tmp_path / "t.har", document))
        assert violated(checking) == expected
        assert not checking.detail.tally.lost


@pytest.mark.parametrize("name", ["a text in JSON", "entities"])
def test_a_body_that_was_sent_in_another_form_is_held_against_the_provider(tmp_path: Path, name: str) -> None:
    def apply(response: dict[str, Any]) -> None:
        text = REWRITTEN[name](response["content"]["text"])
        response["content"] |= {"text": text, "size": len(text)}

    assert "poll.response-shape" in violated(judged(write(tmp_path / "t.har", with_responses(lawful(), apply))))


MARKS = [
    "[redacted]",
    "<filtered>",
    "***",
    "[object Object]",
    "<binary data, 93 bytes>",
    "(body truncated)",
    "REDACTED",
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_in_the_place_of_a_body_is_not_that_body(tmp_path: Path, mark: str) -> None:
    for side in ("request", "response"):
        document, played = har(FAULTY), cassette(FAULTY)
        for entry, one in zip(document["log"]["entries"], played["interactions"], strict=True):
            if side == "request":
                entry["request"]["postData"]["text"] = one["request"]["body"] = mark
            else:
                entry["response"]["content"]["text"] = one["response"]["body"]["string"] = mark
        for path in (write(tmp_path / "t.har", document), write(tmp_path / "t.yaml", played)):
            tally = (checking := judged(path)).detail.tally
            assert violated(checking) == set()
            assert sum((tally.lost if side == "response" else tally.unrecorded).values()) == len(FAULTY)
    said = [one._replace(told="redacted") for one in lawful()]  # a provider that answers so itself
    assert "poll.response-shape" in violated(judged(write(tmp_path / "u.har", har(said))))


@pytest.mark.parametrize("mark", ["...", "\u2026", "... (truncated)", " [truncated, 93 bytes in all]"])
def test_a_text_that_says_that_it_was_shortened_is_not_recorded(tmp_path: Path, mark: str) -> None:
    def apply(response: dict[str, Any]) -> None:
        response["content"] = {"mimeType": "application/json", "text": response["content"]["text"][:25] + mark}

    checking = judged(write(tmp_path / "t.har", with_responses(lawful(), apply)))
    assert violated(checking) == set()
    assert sum(checking.detail.tally.lost.values()) == len(lawful())


@pytest.mark.parametrize("told", [{}, {"bodySize": -1}, {"headers": [{"name": "Content-Length", "value": "131"}]}])
def test_a_request_that_is_shorter_than_it_was_is_held_against_nobody(tmp_path: Path, told: dict[str, Any]) -> None:
    document = har(lawful())
    for entry in document["log"]["entries"]:
        entry["request"]["postData"]["text"] = entry["request"]["postData"]["text"][:25]
        entry["request"] |= told
    judged_as = violated(judged(write(tmp_path / "t.har", document)))
    # without any size, it may be what was sent
    assert judged_as == ({"client.create-request", "client.poll-request", "malformed"} if "bodySize" in told else set())


LOST = {
    "gzip with the bytes replaced": lambda text: (gz(text).decode("utf-8", "replace"), None),
    "gzip that is cut": lambda text: (b64(gz(text)[:-20]), "base64"),
    "gzip with a wrong sum": lambda text: (b64(gz(text)[:-8] + bytes(8)), "base64"),
}


@pytest.mark.parametrize("name", LOST)
def test_bytes_that_are_lost_are_not_recorded(tmp_path: Path, name: str) -> None:
    checking = judged(write(tmp_path / "t.har", with_responses(lawful(), as_text(LOST[name]))))
    assert violated(checking) == set()
    assert sum(checking.detail.tally.lost.values()) == 5


BODIES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body),
    "plain": bytes,
    "garbage": lambda body: b"\x00\x9f" + body[::-1],
}


@pytest.mark.parametrize("header", [[], ["gzip"], ["gzip"] * 9, ["deflate"], ["br"], ["gzip, br"], ["aws-chunked"]])
@pytest.mark.parametrize("name", BODIES)
def test_encodings_of_cassettes_are_told_by_first_bytes_where_headers_are_wrong(
    tmp_path: Path, name: str, header: list[str]
) -> None:
    document = cassette(FAULTY)
    for one in document["interactions"]:
        one["response"]["headers"]["Content-Encoding"] = header
        body = one["response"]["body"]
        body["string"] = BODIES[name](body["string"].encode())
    checking = judged(write(tmp_path / "t.yaml", document))
    read = name in ("gzip", "deflate", "plain") or (name == "br" and "br" in str(header))
    if read:
        assert violated(checking) == {"poll.terminal", "client.final"}
    elif header:
        assert violated(checking) == set()
        assert sum(checking.detail.tally.lost.values()) == len(FAULTY)
    else:
        assert "poll.response-shape" in violated(checking)


@pytest.mark.parametrize("headers", [{"Content-Length": ["93"]}, {"Transfer-Encoding": ["chunked"]}])
def test_a_cassette_without_a_body_whose_headers_say_that_there_was_one(
    tmp_path: Path, headers: dict[str, list[str]]
) -> None:
    for body in ({"string": ""}, {"string": None}, None):
        document = cassette(lawful())
        for one in document["interactions"]:
            one["response"]["headers"] |= headers
            one["response"]["body"] = body
        checking = judged(write(tmp_path / "t.json", document))
        assert violated(checking) == set()
        assert sum(checking.detail.tally.lost.values()) == 5


def test_base64_of_older_cassettes_may_be_plain(tmp_path: Path) -> None:
    document = cassette(FAULTY)
    for number, one in enumerate(document["interactions"]):
        text = one["response"]["body"]["string"]
        one["response"]["body"] = {"base64_string": text if number % 2 else b64(text.encode())}
    for name in ("t.yaml", "t.json"):
        assert violated(judged(write(tmp_path / name, document))) == {"poll.terminal", "client.final"}


# ---------------------------------------------------------------------------------------- other members


REQUESTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "_content": lambda text: {"_content": {"text": text}},
    "content": lambda text: {"content": {"size": len(text), "text": text}},
    "a body": lambda text: {"body": text},
    "base64": lambda text: {"postData": {"text": b64(text.encode()), "encoding": "base64"}},
    "a form's name": lambda text: {"postData": {"text": "", "params": [{"name": text, "value": ""}]}},
    "parsed": lambda text: {"postData": {"text": json.loads(text)}},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_bodies_are_found_where_recorders_put_them(tmp_path: Path, name: str) -> None:
    document = har(FAULTY)
    for entry in document["log"]["entries"]:
        text = entry["request"].pop("postData")["text"]
        entry["request"] |= REQUESTS[name](text)
    checking = judged(write(tmp_path / "t.har", document))
    assert violated(checking) == {"poll.terminal", "client.final"}
    assert checking.detail.tally.matched == 6


@pytest.mark.parametrize("name", ["t.yaml", "t.json"])
def test_cassettes_of_other_writers_are_read(tmp_path: Path, name: str) -> None:
    parsed, go = cassette(FAULTY), cassette(FAULTY)
    for number, one in enumerate(parsed["interactions"]):
        value = json.loads(one["response"]["body"]["string"])
        one["response"]["body"] = {"string": value} if number % 2 else value
        one["request"]["body"] = {"encoding": "utf-8", "string": one["request"]["body"]}
    for one in go["interactions"]:
        one["request"]["url"] = one["request"].pop("uri")
        one["response"] |= {"body": one["response"]["body"]["string"], "status": "200 OK", "code": 200}
    for document in (parsed, go):
        assert violated(judged(write(tmp_path / name, document))) == {"poll.terminal", "client.final"}


@pytest.mark.parametrize("status", [None, "", "no status"])
def test_an_entry_without_a_status_has_no_response(tmp_path: Path, status: str | None) -> None:
    document = har(lawful())
    document["log"]["entries"][2]["response"] |= {"status": status, "content": None}
    if status == "no status":
        document["log"]["entries"][2]["response"] = {}
    checking = judged(write(tmp_path / "t.har", document))
    assert violated(checking) == set()
    assert checking.detail.tally.responses == len(lawful()) - 1


@pytest.mark.parametrize(
    "told",
    [
        {"_fetchType": "Memory Cache"},
        {"_fetchType": "Inspector Override"},
        {"_fetchedViaServiceWorker": True},
        {"_charlesStatus": "FAILED"},
        {"headers": [{"name": "Non-Authoritative-Reason", "value": "HSTS"}]},
    ],
)
def test_what_the_provider_did_not_say_is_not_held_against_it(tmp_path: Path, told: dict[str, Any]) -> None:
    document = har(lawful())
    response = document["log"]["entries"][2]["response"]
    response |= {"status": 307, "content": {"size": 7, "text": "offline"}, **told}
    assert violated(judged(write(tmp_path / "t.har", document))) == set()


@pytest.mark.parametrize("host", ["API.CapSolver.com", "api.capsolver.com.", "api.capsolver.com:443"])
def test_hosts_are_one_however_they_are_written(tmp_path: Path, host: str) -> None:
    document = har([one._replace(base=f"https://{host}") for one in FAULTY])
    assert violated(judged(write(tmp_path / "t.har", document))) == {"poll.terminal", "client.final"}


def test_what_is_nearly_har_is_read(tmp_path: Path) -> None:
    document = har(FAULTY)
    for entry in document["log"]["entries"]:
        entry["response"]["status"] = str(entry["response"]["status"])
        entry["response"]["headers"] = {"Content-Type": "application/json", "Content-Length": 93}
    path = write(tmp_path / "t.har", document["log"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert violated(judged(path)) == {"poll.terminal", "client.final"}


# ------------------------------------------------------------------------------------------------ times


@pytest.mark.parametrize(
    "started", ["", "yesterday", 1_772_366_400_000, -1, {}, [], True, "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_an_unusable_beginning_costs_the_entry_its_time_and_nothing_else(tmp_path: Path, started: Any) -> None:
    document = har(FAULTY)
    document["log"]["entries"][2]["startedDateTime"] = started
    path = write(tmp_path / "t.har", document)
    checking = judged(path)
    assert violated(checking) == {"poll.terminal", "client.final"}
    assert checking.detail.tally.times == {"exact": 5, "none": 1}
    (place,) = checking.detail.tally.untimed
    assert place.startswith(f"{path}: log.entries[2].startedDateTime: expected a date and time")


@pytest.mark.parametrize("took", ["12 ms", "12", -5, math.nan, math.inf, 1e15, [], {}, True, 10**400])
def test_an_unusable_duration_costs_the_entry_its_time_and_nothing_else(tmp_path: Path, took: Any) -> None:
    document = har(FAULTY)
    document["log"]["entries"][2]["time"] = took
    path = write(tmp_path / "t.har", document)
    checking = judged(path)
    assert violated(checking) == {"poll.terminal", "client.final"}
    (place,) = checking.detail.tally.untimed
    assert place.startswith(f"{path}: log.entries[2].time: expected a number of milliseconds")
    done = pollproof("check", "capsolver", str(path))
    assert "1 exchange has no usable time and is judged by the order alone" in " ".join(done.stdout.split())


def test_a_number_of_five_thousand_digits_harms_its_entry_alone(tmp_path: Path) -> None:
    document = har(FAULTY)
    document["log"]["entries"][2]["time"] = 4711.25
    path = write(tmp_path / "t.har", document)
    path.write_bytes(path.read_bytes().replace(b"4711.25", b"1" + b"0" * 5000))
    assert violated(judged(path)) == {"poll.terminal", "client.final"}
    assert sum(judged(path).detail.tally.untimed.values()) == 1


@pytest.mark.parametrize("spoiled", [{"startedDateTime": ""}, {"time": "x"}, {"response": 7}, {"response": {}}])
def test_entries_of_other_hosts_never_matter(tmp_path: Path, spoiled: dict[str, Any]) -> None:
    document = har([*FAULTY, created(base="https://elsewhere.example.net", at=1.0)])
    document["log"]["entries"][-1] |= {**spoiled}
    document["log"]["entries"][-1]["request"]["url"] = "https://stats.elsewhere-io.com/createTask"
    checking = judged(write(tmp_path / "t.har", document))
    assert violated(checking) == {"poll.terminal", "client.final"}
    assert not checking.detail.tally.untimed
    assert not checking.detail.unread


def test_order_and_clocks_that_are_wrong_are_told(tmp_path: Path) -> None:
    document = har([one._replace(headers={"Date": "Sun, 01 Mar 2026 09:00:00 GMT"}) for one in reversed(lawful())])
    path = write(tmp_path / "t.har", document)
    out = " ".join(pollproof("check", "capsolver", str(path)).stdout.split())
    assert "put into order of time: 4 exchanges stand behind later ones" in out
    assert "the Date headers of 5 exchanges are more than five minutes away" in out
    assert judged(path).ledger["capsolver.client.wait"].verdict is Verdict.HELD


# ------------------------------------------------------------------------------------------ other tools


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.json", b'{"http_interactions": [], "recorded_with": "betamax/0.8.1"}', "a cassette of Betamax 0.8.1"),
        ("t.yml", b"---\nhttp_interactions: []\nrecorded_with: VCR 6.0.0\n", "a cassette of Ruby VCR 6.0.0"),
        ("t.json", b'[{"scheme": "https", "host": "x", "request": {}}]', "a session of Charles"),
        ("t.json", b'{"info": {"name": "x"}, "item": []}', "a Postman collection"),
        ("t.json", b'{"_type": "export", "resources": []}', "an Insomnia workspace"),
        ("t.har", b"PK\x03\x04rest", "Fiddler"),
        ("t.json", b'{"consumer": {"name": "a"}, "provider": {}, "interactions": [{"request": {}}]}', "a pact"),
    ],
)
def test_recordings_of_other_tools_are_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = pollproof("check", "capsolver", str(tmp_path / name))
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_entries_of_a_har_file_alone_are_read_as_such(tmp_path: Path) -> None:
    faulty = [*lawful(), polled(30, "processing")]
    checking = judged(write(tmp_path / "t.json", har(faulty)["log"]["entries"]))
    assert checking.detail.tally.matched == len(faulty)
    assert violated(checking) == {"poll.terminal", "client.final"}


def old_interaction(said: Said, *, set_of_headers: bool) -> dict[str, Any]:
    """An interaction as vcrpy before 1.0 wrote it."""
    node = interaction(said)
    address = urlsplit(node["request"].pop("uri"))
    parts = {"protocol": address.scheme, "host": address.hostname, "port": 443, "path": address.path}
    headers: Any = {"Content-Type": "application/json"}
    node["request"] |= {**parts, "headers": [[list(each) for each in headers.items()]] if set_of_headers else headers}
    told = node["response"]["headers"].items()
    node["response"]["headers"] = [f"{name}: {value}\r\n" for name, values in told for value in values]
    return node


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_the_bare_list_of_the_oldest_vcrpy_is_a_cassette(tmp_path: Path, suffix: str) -> None:
    for said, expected in (
        (lawful(), set()),
        ([*lawful(), polled(30, "processing")], {"poll.terminal", "client.final"}),
    ):
        nodes = [old_interaction(each, set_of_headers=suffix == "yaml") for each in said]
        text = json.dumps(nodes) if suffix == "json" else yaml.safe_dump(nodes)
        if suffix == "yaml":
            text = text.replace("- request:\n", "- request: !!python/object:vcr.request.Request\n")
            tag = "!!python/object/apply:__builtin__.frozenset"
            text = text.replace("    headers:\n    - - -", f"    headers: {tag}\n    - - -")
            assert "!!python/object:vcr" in text
            assert "frozenset" in text
        (path := tmp_path / f"t.{suffix}").write_text(text)
        checking = judged(path)
        assert violated(checking) == expected
        assert checking.detail.figures()["times"] == {"date": len(said)}


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_body_of_a_cassette_may_be_a_list_of_its_bytes(tmp_path: Path, suffix: str) -> None:
    document = cassette(FAULTY)
    for each in document["interactions"]:
        each["request"]["body"] = list(each["request"]["body"].encode())
    assert violated(judged(write(tmp_path / f"t.{suffix}", document))) == {"poll.terminal", "client.final"}
