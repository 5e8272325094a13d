"""Servers that do what no server should: each is a function of a connection whose request has been read."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator

from tests.servers import Line, http

Script = Callable[[Line], None]

SECONDS = 60.0
"""Real seconds after which an endless script ends by itself."""

TASK = "6d4a1f0e-93a4-4dba-8f52-0a1d0f5a9b11"
OK = b"HTTP/1.1 200 OK\r\n"
LONG = "9" * 5000
BOMB = 400 * 1024 * 1024


def _body(data: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> Script:
    """The same response to each request of a connection."""

    def script(line: Line) -> None:
        while True:
            line.say(http(data, status, *headers, length=length))
            if line.ask() is None:
                return

    return script


def _once(*pieces: bytes, pause: float = 0.0, hold: bool = False) -> Script:
    """These bytes, and the end of the connection, or silence."""

    def script(line: Line) -> None:
        for piece in pieces:
            line.say(piece)
            time.sleep(pause)
        if hold:
            line.until_gone()

    return script


def _endless(head: bytes, pieces: Callable[[], Iterator[bytes]]) -> Script:
    def script(line: Line) -> None:
        end = time.monotonic() + SECONDS
        line.say(head)
        for piece in pieces():
            if time.monotonic() > end:
                return
            line.say(piece)

    return script


def _reset(*pieces: bytes, length: int = 0) -> Script:
    """Some bytes of a response, and the connection is reset."""

    def script(line: Line) -> None:
        for piece in pieces:
            line.say(piece)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.socket.shutdown(socket.SHUT_RD)

    return script


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * (1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(BOMB >> 20)), packer.flush()])


def _json(**fields: object) -> bytes:
    return json.dumps({"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": TASK, **fields}).encode()


def _drip(line: Line) -> None:
    end = time.monotonic() + SECONDS
    for byte in http(_json(status="processing")):
        line.say(bytes([byte]))
        time.sleep(0.4)
        if time.monotonic() > end:
            return


def _raw(text: str) -> bytes:
    return f'{{"errorId": 0, "errorCode": "", "taskId": "{TASK}", "status": "processing", {text}}}'.encode()


SERVERS: dict[str, Script] = {
    # Bytes without end, or without haste.
    "one byte at a time": _drip,
    "silence": lambda line: line.until_gone(),
    "half a head, then silence": _once(OK + b"Content-", hold=True),
    "half a body, then silence": _once(OK + b"Content-Length: 90\r\n\r\n{", hold=True),
    "headers without end": _endless(OK, lambda: (b"X-%d: a\r\n" % number for number in itertools.count())),
    "one header without end": _endless(OK + b"X: ", lambda: itertools.repeat(b"a" * 4096)),
    "a status line without end": _endless(b"HTTP/1.1 200 ", lambda: itertools.repeat(b"OK" * 2048)),
    "a body without end": _endless(OK + b"\r\n", lambda: itertools.repeat(b" " * 65536)),
    "chunks without end": _endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", lambda: itertools.repeat(b"1000\r\n" + b" " * 4096 + b"\r\n")
    ),
    "chunks of one byte": _endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", lambda: itertools.repeat(b"1\r\n \r\n" * 4096)
    ),
    "a chunk extension without end": _endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;", lambda: itertools.repeat(b"a=b;" * 1024)
    ),
    "trailers without end": _endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", lambda: itertools.repeat(b"X: y\r\n" * 512)
    ),
    "100 Continue without end": _endless(b"", lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "103 Early Hints without end": _endless(
        b"", lambda: itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 64)
    ),
    # Lengths and codings that lie.
    "a gzip bomb": lambda line: line.say(http(_bomb(), "200 OK", "Content-Encoding: gzip")),
    "gzip in gzip in gzip in gzip": _body(
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"{}")))), "Content-Encoding: gzip, gzip, gzip, gzip"
    ),
    "gzip that is not": _body(b"{}", "Content-Encoding: gzip"),
    "a length that is too long": _once(http(b"{}", length=500)),
    "a length that is too short": _body(_json(), length=5),
    "a negative length": _body(b"{}", length=-1),
    "a length of 5,000 digits": _once(OK + f"Content-Length: {LONG}\r\n\r\n{{}}".encode()),
    "two lengths": _once(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "a length and chunks": _once(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "chunks of no size": _once(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "a response ahead of its request": _once(http(_json()), http(_json(taskId="other")), hold=True),
    # Other protocols.
    "binary": _once(bytes(range(256)) * 64),
    "a TLS alert": _once(b"\x15\x03\x03\x00\x02\x02\x28"),
    "HTTP/2": _once(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, hold=True),
    "HTTP/0.9": _once(b"<html>hello</html>"),
    "a status of four digits": _once(b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "status 0": _once(b"HTTP/1.1 000 Zero\r\nContent-Length: 2\r\n\r\n{}"),
    "101 Switching Protocols": _once(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n!!"
    ),
    "204 with a body": _once(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"),
    # Ends.
    "closed at once": lambda line: None,
    "reset at once": _reset(),
    "reset in the head": _reset(OK),
    "reset in the body": _reset(OK + b"Content-Length: 90\r\n\r\n{"),
    "reset after the response": _reset(http(_json(status="processing"))),
    # Headers.
    "a redirect to itself": _body(b"", "Location: /createTask", status="302 Found"),
    "a redirect to a file": _body(b"", "Location: file:///etc/passwd", status="307 Temporary Redirect"),
    "90 cookies": _body(_json(), *(f"Set-Cookie: a{number}={'b' * 600}" for number in range(90))),
    "200 cookies": _body(_json(), *(f"Set-Cookie: a{number}=b" for number in range(200))),
    **{
        f"429, Retry-After {name}": _body(b"{}", f"Retry-After: {value}", status="429 Too Many Requests")
        for name, value in {
            "of 5,000 digits": LONG,
            "1e400": "1e400",
            "-5": "-5",
            "NaN": "nan",
            "in the year 99999": "Fri, 31 Dec 99999 23:59:59 GMT",
        }.items()
    },
    # Bodies.
    "UTF-16": _body(_json(status="processing").decode().encode("utf-16"), "Content-Type: application/json"),
    "a byte order mark": _body(b"\xef\xbb\xbf" + _json(status="processing")),
    "JSON 100,000 deep": _body(b"[" * 100_000 + b"]" * 100_000),
    "objects 50,000 deep": _body(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "a million keys": _body(b"{" + b",".join(b'"%d":0' % number for number in range(500_000)) + b"}"),
    "an integer of 5,000 digits": _body(_raw(f'"cost": {LONG}, "errorId": {LONG}')),
    "an id of 5,000 digits": _body(f'{{"errorId": 0, "taskId": {LONG}}}'.encode()),
    "1e400, NaN and Infinity": _body(_raw('"cost": 1e400, "createTime": NaN, "endTime": -Infinity')),
    "lone surrogates": _body(_raw('"solution": {"a\\ud800": "\\udfff"}, "errorDescription": "\\ud83d"')),
    "the same key twice": _body(_raw(f'"status": "ready", "taskId": "{TASK}", "status": "failed"')),
    "null": _body(b"null"),
    "a list": _body(b"[[], {}, null]"),
    "nothing": _body(b""),
    "an id of a megabyte": _body(_json(taskId="a" * 1_000_000, status="processing")),
    "words that patterns choke on": _body(_json(errorId=1, errorDescription=("a" * 50 + "!") * 2000)),
    "NUL and escape sequences": _body(_json(errorId=1, errorCode="\x00\x1b]0;x\x07", errorDescription="\x1b[2J" * 99)),
}
