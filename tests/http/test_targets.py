"""HttpTarget against servers that behave, misbehave, and lie: an outcome in words every time, never an exception."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from typing import Any

import pytest

from pollproof.http import responses
from pollproof.http.client import HttpTarget
from pollproof.http.target import RequestOutcome
from pollproof.secrets.anonymize.failures import UNKNOWN, known_beginning
from pollproof.trace.exchange import Request
from tests.servers import Line, Server, answering, free_port, http, keeping_alive, serving

POLL = Request("POST", "/getTaskResult", {"content-type": "application/json"}, b'{"taskId": "1"}')
JSON = b'{"errorId": 0}'
MIDDLE = "the connection was closed in the middle of the response"
LIMIT = 4096


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "MAXIMUM_BODY", LIMIT)


def ask(url: str, timeout: float = 5.0, request: Request = POLL) -> RequestOutcome:
    target = HttpTarget(url, timeout)
    try:
        return target.exchange(request)
    finally:
        target.close()


def outcome_of(*pieces: bytes, timeout: float = 5.0) -> RequestOutcome:
    """What comes of a request that is answered with these bytes, after which the connection is closed."""
    with serving(answering(*pieces)) as server:
        return ask(server.url, timeout)


def body_of(*pieces: bytes) -> bytes:
    outcome = outcome_of(*pieces)
    assert outcome.response is not None, outcome.failure
    return outcome.response.body


# ------------------------------------------------------------------------------- no response


def test_nothing_listens() -> None:
    assert ask(f"http://127.0.0.1:{free_port()}") == (None, "the connection was refused")


def test_a_host_name_that_does_not_exist() -> None:
    outcome = ask("http://no-such-host.invalid")
    assert outcome.failure is not None
    assert outcome.failure.startswith("the host name cannot be resolved")


def test_silence_until_the_timeout() -> None:
    with serving(lambda line: line.until_gone()) as server:
        assert ask(server.url, timeout=0.1) == (None, "no response in time")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"]
)
def test_an_answer_that_trickles_in_is_bounded_as_a_whole_not_byte_by_byte(head: bytes) -> None:
    def trickle(line: Line) -> None:
        line.ask()
        line.say(head)
        while True:
            line.say(b"X")
            time.sleep(0.02)  # the one thing that is tested here is real time

    with serving(trickle) as server:
        begun = time.monotonic()
        assert ask(server.url, timeout=0.2) == (None, "no response in time")
        assert time.monotonic() - begun < 2


def test_the_time_of_one_answer_is_not_taken_from_the_next() -> None:
    def in_two_pieces(line: Line) -> None:
        while line.ask() is not None:
            line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
            time.sleep(0.15)
            line.say(b"}")

    with serving(in_two_pieces) as server:
        target = HttpTarget(server.url, timeout=0.4)
        assert [target.exchange(POLL).failure for _ in range(4)] == [None] * 4
        target.close()
        assert server.accepted == 1


def test_closed_without_an_answer() -> None:
    assert outcome_of() == (None, "the connection was closed without a response")


def test_closed_before_the_request_is_read() -> None:
    with serving(lambda line: None) as server:
        outcome = ask(server.url)
    assert outcome.response is None
    assert outcome.failure in ("the connection was closed without a response", "the connection was reset")


@pytest.mark.parametrize(
    "half",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + JSON,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"err\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{\"err",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["length", "between chunks", "within a chunk", "before the first chunk"],
)  # fmt: skip
def test_closed_in_the_middle_of_the_answer(half: bytes) -> None:
    assert outcome_of(half) == (None, MIDDLE)


# ---------------------------------------------------------------------- answers of any kind


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error", "503 Busy", "299 "])
def test_every_final_status_is_an_answer(status: str) -> None:
    outcome = outcome_of(http(JSON, status))
    assert outcome.response is not None
    assert (outcome.response.status, outcome.response.body) == (int(status[:3]), JSON)


def test_html_is_an_answer_and_its_headers_have_lower_case_names() -> None:
    outcome = outcome_of(http(b"<html>", "200 OK", "Content-Type: text/html", "X-MIXED-Case: Yes"))
    assert outcome.response is not None
    assert outcome.response.body == b"<html>"
    assert outcome.response.headers["content-type"] == "text/html"
    assert outcome.response.headers["x-mixed-case"] == "Yes"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with serving(keeping_alive(lambda asked: http(b"", "302 Found", "Location: /elsewhere"))) as server:
        outcome = ask(server.url)
        assert outcome.response is not None
        assert outcome.response.status == 302
        assert [asked.path for asked in server.asked] == ["/getTaskResult"]


def test_interim_answers_are_passed_over() -> None:
    with serving(
        keeping_alive(lambda asked: http(b"", "103 Early Hints", "Link: </x>")[:-2] + b"\r\n" + http(JSON))
    ) as s:
        target = HttpTarget(s.url)
        for _ in range(2):
            outcome = target.exchange(POLL)
            assert outcome.response is not None
            assert (outcome.response.status, outcome.response.body) == (200, JSON)
        target.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\n{\"e\r\nb;extension=1\r\nrrorId\": 0}\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + JSON,
        b"HTTP/1.0 200 OK\r\nContent-Length: 14\r\n\r\n" + JSON,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + JSON,
        b"HTTP/1.1 200 OK\nContent-Length: 14\n\n" + JSON,
        b"HTTP/1.1 200\r\nContent-Length: 14\r\n\r\n" + JSON,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nE\r\n" + JSON + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-LENGTH:14\t\r\n\r\n" + JSON,
    ],
    ids=["chunked", "1.0 to the end", "1.0, length", "to the end", "\\n alone", "no reason",
         "one chunk", "case and tab"],
)  # fmt: skip
@pytest.mark.parametrize("pieces", [1, 2, 3], ids="{} pieces".format)
def test_all_ways_to_frame_a_body(answer: bytes, pieces: int) -> None:
    def script(line: Line) -> None:
        line.ask()
        for place in range(pieces):
            line.say(answer[place * len(answer) // pieces : (place + 1) * len(answer) // pieces])
            time.sleep(0.02 if pieces > 1 else 0)  # so that the pieces arrive one by one

    with serving(script) as server:
        outcome = ask(server.url)
    assert outcome.response is not None, outcome.failure
    assert outcome.response.body == JSON


NO_NUMBER = "the Content-Length of the response is not a number"
LARGER = "the response is larger than 8388608 bytes"
OPEN_HEADERS = "the headers of the response cannot be read"
BOTH = "the response has both Content-Length and Transfer-Encoding"
NO_SIZE = "a chunk of the response has no size"
NOT_ASKED = "the response is encoded with {}, which was not requested"


def head_of(*lines: str, body: bytes = JSON) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (head_of("Content-Length: -1"), NO_NUMBER),
        (head_of("Content-Length: many"), NO_NUMBER),
        (head_of("Content-Length: +14"), NO_NUMBER),
        (head_of("Content-Length: 14", "Content-Length: 13"), "the response has more than one Content-Length"),
        (head_of("Content-Length: 14", "Content-Length: 14"), "the response has more than one Content-Length"),
        (head_of("Content-Length: 14, 13"), NO_NUMBER),
        (head_of("Content-Length: 3", "Transfer-Encoding: chunked", body=b"e\r\n"), BOTH),
        (head_of("Transfer-Encoding: chunked", "Content-Length: 3", body=b"e\r\n"), BOTH),
        (head_of("X-Long: a\r\n b", "Content-Length: 14"), OPEN_HEADERS),
        (head_of("X: a\0b", "Content-Length: 14"), OPEN_HEADERS),
        (head_of("X : a", "Content-Length: 14"), OPEN_HEADERS),
        (head_of("Content-Length: " + "9" * 30), LARGER),
        (head_of("X-\xff: \xfe", "Content-Length: 14"), OPEN_HEADERS),
        (head_of("no header at all", "Content-Length: 14"), OPEN_HEADERS),
        (head_of("Transfer-Encoding: chunked", body=b"zz\r\n"), NO_SIZE),
        (head_of("Transfer-Encoding: chunked", body=b"-5\r\nhello\r\n0\r\n\r\n"), NO_SIZE),
        (head_of("Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n"), LARGER),
        (http(JSON, "200 OK", "Content-Encoding: br"), "the response says that it is encoded with br, and it is not"),
        (http(JSON, "200 OK", "Content-Encoding: zstd"), NOT_ASKED.format("zstd")),
        (http(b"", "200 OK", "Content-Encoding: " + "gzip," * 9), "the response has more than 3 encodings"),
        (b"220 mail.example ESMTP\r\n", "the response is not HTTP"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "the response is not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "the response is not HTTP but TLS: the URL may have to begin with https"),
    ],
)
def test_an_answer_that_leaves_its_end_open_is_told_at_once_though_the_connection_stays(
    answer: bytes, reason: str
) -> None:
    with serving(answering(answer, then=lambda line: line.until_gone())) as server:
        outcome = ask(server.url)
        assert outcome.response is None
        assert outcome.failure is not None
        assert outcome.failure.startswith(reason)
        assert known_beginning(outcome.failure) != UNKNOWN, "a cassette keeps the reason"


def test_an_answer_that_is_encoded_twice_is_read_as_it_was() -> None:
    body = gzip.compress(zlib.compress(JSON))
    assert body_of(http(body, "200 OK", "Content-Encoding: deflate, gzip")) == JSON


@pytest.mark.parametrize("code", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_keeps_the_connection(code: str) -> None:
    with serving(keeping_alive(lambda asked: f"HTTP/1.1 {code}\r\nETag: x\r\n\r\n".encode())) as server:
        assert exchanges(server, 3) == [None] * 3
        assert server.accepted == 1


def test_chunked_answers_keep_the_connection() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n%b\r\n"
    for trailer in (b"", b"X-Trailer: 1\r\n"):
        with serving(keeping_alive(lambda asked, trailer=trailer: chunked % trailer)) as server:
            assert exchanges(server, 4) == [None] * 4
            assert server.accepted == 1


def test_a_content_length_that_is_too_short_cuts_the_body_and_leaves_the_next_answer_alone() -> None:
    with serving(keeping_alive(lambda asked: http(JSON + b"{}{}{}{}", length=len(JSON)))) as server:
        target = HttpTarget(server.url)
        for _ in range(5):
            outcome = target.exchange(POLL)
            assert outcome.response is not None, outcome.failure
            assert outcome.response.body == JSON
        target.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"this is no HTTP at all\r\n\r\n",
        b"\x00\xff\x16\x03\x01" * 50,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 9999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: 1\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 100_000 + b"\r\n\r\n",
        b"x" * 100_000,
    ],
)
def test_what_is_not_http_is_reported_so(garbage: bytes) -> None:
    outcome = outcome_of(garbage)
    assert outcome.response is None
    assert outcome.failure is not None
    # a connection that is closed while more is on its way is reset: both are the truth about such a server
    assert "is not HTTP" in outcome.failure or "reset" in outcome.failure


@pytest.mark.parametrize("size", [b"zz", b"-5", b"-1", b"ffffffffffffffffffffffff", b""])
def test_a_chunk_of_no_sensible_size_is_no_answer(size: bytes) -> None:
    outcome = outcome_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + JSON + b"\r\n")
    assert outcome.response is None
    assert outcome.failure


# --------------------------------------------------------------------------------- size


@pytest.mark.usefixtures("small_limit")
class TestSize:
    TOO_LARGE = (None, f"the response is larger than {LIMIT} bytes")

    def test_an_answer_of_the_largest_size_is_read(self) -> None:
        assert len(body_of(http(b"x" * LIMIT))) == LIMIT

    def test_one_byte_more_is_no_answer(self) -> None:
        assert outcome_of(http(b"x" * (LIMIT + 1))) == self.TOO_LARGE

    @pytest.mark.parametrize(
        ("head", "piece"),
        [
            (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: x\r\n" * 100),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
            (b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 40),
        ],
        ids=["body", "chunks", "trailers", "100 Continue", "103 Early Hints"],
    )
    def test_an_answer_without_end_is_read_to_the_limit_only(self, head: bytes, piece: bytes) -> None:
        def endless(line: Line) -> None:
            line.ask()
            line.say(head)
            while True:
                line.say(piece)

        with serving(endless) as server:
            assert ask(server.url) == self.TOO_LARGE

    def test_headers_without_end_are_no_http(self) -> None:
        def endless(line: Line) -> None:
            line.ask()
            line.say(b"HTTP/1.1 200 OK\r\n")
            while True:
                line.say(b"X-More: of the same\r\n" * 50)

        with serving(endless) as server:
            outcome = ask(server.url)
        assert outcome.response is None
        assert outcome.failure in (self.TOO_LARGE[1], "the response is not HTTP: it has more than 100 headers")

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_bomb_is_not_unpacked(self, encoding: str) -> None:
        bomb = (gzip.compress if encoding == "gzip" else zlib.compress)(b"\0" * 1_000_000)
        assert len(bomb) < LIMIT
        assert outcome_of(http(bomb, "200 OK", f"Content-Encoding: {encoding}")) == self.TOO_LARGE


# -------------------------------------------------------------------- encodings nobody asked for


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(JSON)),
        ("GZIP", gzip.compress(JSON)),
        ("x-gzip", gzip.compress(JSON[:5]) + gzip.compress(JSON[5:])),
        ("deflate", zlib.compress(JSON)),
        ("deflate", bare_deflate(JSON)),
        ("identity", JSON),
        ("gzip", b""),
    ],
    ids=["gzip", "upper case", "two members", "deflate", "deflate without header", "identity", "nothing"],
)
def test_an_encoding_is_undone(encoding: str, packed: bytes) -> None:
    assert body_of(http(packed, "200 OK", f"Content-Encoding: {encoding}")) == (JSON if packed else b"")


@pytest.mark.parametrize(
    "packed",
    [JSON, gzip.compress(JSON)[:-6], gzip.compress(JSON)[:8] + b"\xff" * 20],
    ids=["plain", "cut short", "garbled"],
)
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_encoding_that_is_broken_is_no_answer(encoding: str, packed: bytes) -> None:
    outcome = outcome_of(http(packed, "200 OK", f"Content-Encoding: {encoding}"))
    assert outcome.response is None
    assert outcome.failure is not None
    assert encoding in outcome.failure


# ----------------------------------------------------------------------------- connections


def exchanges(server: Server, count: int) -> list[str | None]:
    target = HttpTarget(server.url, 5.0)
    failures = [target.exchange(POLL).failure for _ in range(count)]
    target.close()
    return failures


def test_one_connection_serves_many_exchanges() -> None:
    with serving(keeping_alive(lambda asked: http(JSON))) as server:
        assert exchanges(server, 25) == [None] * 25
        assert server.accepted == 1


def test_a_server_that_closes_each_time_is_connected_to_each_time() -> None:
    with serving(answering(http(JSON, "200 OK", "Connection: close"))) as server:
        assert exchanges(server, 5) == [None] * 5
        assert server.accepted == len(server.asked) == 5


def test_a_server_that_closes_each_time_without_saying_so_loses_no_request_and_gets_none_twice() -> None:
    with serving(answering(http(JSON))) as server:
        assert exchanges(server, 30) == [None] * 30
        assert len(server.asked) == 30


def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    def once(line: Line) -> None:
        line.ask()
        line.say(http(JSON))
        line.socket.shutdown(2)

    with serving(once) as server:
        target = HttpTarget(server.url)
        assert target.exchange(POLL).failure is None
        time.sleep(0.2)  # the end of the connection has arrived
        assert target.exchange(POLL).failure is None
        target.close()
        assert (server.accepted, len(server.asked)) == (2, 2)


def test_a_request_that_is_lost_on_a_used_connection_is_sent_once_more_and_not_more_often() -> None:
    def first_only(line: Line) -> None:
        line.ask()
        if line.number == 1:
            line.say(http(JSON))
            line.ask()

    with serving(first_only) as server:
        assert exchanges(server, 2) == [None, "the connection was closed without a response"]
        assert len(server.asked) == 3


def test_a_request_that_is_lost_on_a_new_connection_is_not_sent_again() -> None:
    with serving(answering()) as server:
        ask(server.url)
        assert len(server.asked) == 1


def test_a_target_is_of_use_again_after_any_failure() -> None:
    bad = [b"", b"garbage\r\n\r\n", http(JSON, length=99), http(b"x", "200 OK", "Content-Encoding: gzip")]

    def script(line: Line) -> None:
        line.ask()
        line.say(bad[line.number // 2] if line.number % 2 == 0 else http(JSON, "200 OK", "Connection: close"))

    with serving(script) as server:
        failures = exchanges(server, 7)
    assert failures[::2] == [None] * 4
    assert all(failures[1::2])


def test_what_is_sent_is_what_was_asked_for() -> None:
    with serving(keeping_alive(lambda asked: http(JSON))) as server:
        ask(server.url + "/base/path/", request=POLL)
        (asked,) = server.asked
    assert asked.line == "POST /base/path/getTaskResult HTTP/1.1"
    assert asked.body == POLL.body
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"x": "a\r\nEvil: 1"}},
        {"headers": {"x y": "1"}},
        {"headers": {"x": "\u20ac"}},
        {"path": "/a b"},
        {"path": "/\u00e4"},
        {"path": "/ HTTP/1.1\r\nEvil: 1"},
    ],
    ids=str,
)
def test_what_cannot_be_written_is_not_sent(change: dict[str, Any]) -> None:
    with serving(keeping_alive(lambda asked: http(JSON))) as server:
        outcome = ask(server.url, request=POLL._replace(**change))
        assert outcome.failure is not None
        assert outcome.failure.startswith("the request was not sent: ")
        assert not server.asked


def test_a_request_is_one_write() -> None:
    def script(line: Line) -> None:
        line.server.asked.append(line.socket.recv(65536))  # type: ignore[arg-type]
        line.say(http(JSON))

    with serving(script) as server:
        assert ask(server.url).failure is None
        assert server.asked[0].endswith(b"\r\n\r\n" + POLL.body)  # type: ignore[attr-defined]


def test_headers_that_are_given_take_the_place_of_those_that_are_always_sent() -> None:
    with serving(keeping_alive(lambda asked: http(JSON))) as server:
        ask(server.url, request=POLL._replace(headers={"host": "api.example", "accept-encoding": "br"}))
        (asked,) = server.asked
    assert (asked.headers["host"], asked.headers["accept-encoding"]) == ("api.example", "br")


# ------------------------------------------------------------------------------- a body held back by Nagle's algorithm


class Watched(socket.socket):
    """A connection that notes what is done to it."""

    done: list[str]

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.done.append("receive")
        return super().recv(size, flags)

    def setsockopt(self, *option: Any) -> None:
        self.done.append("acknowledge" if option[1] == responses.QUICK_ACKNOWLEDGEMENT else "other")
        super().setsockopt(*option)


@pytest.mark.skipif(responses.QUICK_ACKNOWLEDGEMENT is None, reason="this system cannot acknowledge at once")
def test_the_head_of_a_response_is_acknowledged_before_its_body_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        own = Watched()
        own.done = []
        own.connect(listening.getsockname())
        served, _ = listening.accept()
        with own, served:
            served.sendall(b"{}")
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
            response = responses.read_response(own, "POST", head, time.monotonic() + 5, 5.0)
    assert response.body == b"{}"
    assert own.done == ["acknowledge", "receive"]
