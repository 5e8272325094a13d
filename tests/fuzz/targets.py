"""What is fuzzed: each target takes bytes, and raises only where something is not as it must be."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from pollproof.bundled import bundled, folder
from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Role
from pollproof.errors import PollproofError
from pollproof.http.requests import Connection, Malformed
from pollproof.http.responses import NoResponse, decode_body, read_response
from pollproof.loading import load_contract
from pollproof.loading.lint import lint
from pollproof.monitor.monitor import Monitor
from pollproof.reference.provider import ReferenceProvider
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader
from pollproof.verify.request_builder import Builder
from tests.fuzzing.inputs import written
from tests.fuzzing.oracles import judged
from tests.fuzzing.seeds import seeds

Target = Callable[[bytes], None]

SOAP = "cnode"
"""The bundled contract whose bodies are SOAP."""


@cache
def _contract(name: str) -> Contract:
    return load_contract(name)


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pollproof-fuzz-")


def _put(name: str, data: bytes) -> Path:
    path = Path(_scratch().name) / name
    path.write_bytes(data)
    return path


def recordings(data: bytes) -> None:
    """A file of recordings is read or refused in one sentence, in bounded time, and counts no more than it holds."""
    path = _put("one.har" if data[:1] == b"{" else "one.jsonl" if data[:2] == b"\n{" else "one.yaml", data)
    judged(_contract(bundled()[len(data) % len(bundled())]), path)


def contracts(data: bytes) -> None:
    """A contract is loaded and linted, or refused in one sentence."""
    path = _put("one.toml", data)
    with contextlib.suppress(PollproofError):
        lint(load_contract(path), data.decode("utf-8", "replace"))


def answers(data: bytes) -> None:
    """Any body of a response, to any operation of any contract that has JSON, is judged."""
    _judge_bodies(data, [name for name in bundled() if name != SOAP])


def soap(data: bytes) -> None:
    """Any body of a request or a response in XML is judged."""
    _judge_bodies(data, [SOAP])


def _judge_bodies(data: bytes, names: list[str]) -> None:
    for name in names:
        contract = _contract(name)
        monitor = Monitor(Reader(contract), contract.clauses)
        provider = ReferenceProvider(contract, VirtualClock())
        for operation in contract.operations.values():
            if operation.role in (Role.CREATE, Role.POLL):
                for request in _requests(name, operation.name):
                    for number, answer in enumerate((Response(200, {}, data), Response(400, {}, data))):
                        monitor.observe(Exchange(request, answer, float(number), number + 0.5, None, None))
        provider.handle(Request("POST", contract.operation(Role.CREATE).path, {}, data))


@cache
def _requests(name: str, operation: str) -> tuple[Request, ...]:
    contract = _contract(name)
    wanted = contract.operations[operation]
    words = {"task": next(iter(contract.kinds.values())).sample, "task_id": contract.task_id["unknown"][0], "number": 1}
    builder = Builder(wanted, contract)
    return (builder.build(contract.credential.sample, words),)


@contextlib.contextmanager
def _stream(data: bytes) -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(2.0)
        theirs.setblocking(False)
        with contextlib.suppress(OSError):
            theirs.sendall(data[:100_000])
        theirs.shutdown(socket.SHUT_WR)
        yield ours


def responses(data: bytes) -> None:
    """Bytes from a server are a response, or it is said why not."""
    if not data:
        return
    with _stream(data[1:]) as stream, contextlib.suppress(NoResponse, OSError):
        raw = read_response(stream, "GET", data[:1], time.monotonic() + 2.0, 2.0)
        assert 100 <= raw.status <= 999


def requests(data: bytes) -> None:
    """Bytes from a client are requests, or refused."""
    with _stream(data) as stream, contextlib.suppress(Malformed, OSError):
        connection = Connection(stream)
        while connection.read() is not None:
            pass


def codings(data: bytes) -> None:
    """A coded body is decoded, or left as it is, within its bounds."""
    for coding in ("gzip", "deflate", "br", "gzip, br"):
        with contextlib.suppress(NoResponse):
            decode_body(data, coding)


TARGETS: dict[str, Target] = {
    each.__name__: each for each in (recordings, contracts, answers, soap, responses, requests, codings)
}


def corpus(name: str) -> Iterator[bytes]:
    """Inputs to begin with."""
    if name == "recordings":
        dice = random.Random(0)
        for seed in seeds(7):
            yield written(seed.document, seed.form, dice)
    elif name == "contracts":
        for one in bundled():
            yield (folder("contracts") / f"{one}.toml").read_bytes()
    elif name in ("answers", "soap"):
        for seed in seeds(5):
            for found in seed.document.get("interactions", ()) if (seed.contract == SOAP) == (name == "soap") else ():
                for body in (found["response"]["body"]["string"], *([found["request"]["body"]] * (name == "soap"))):
                    yield body if isinstance(body, bytes) else str(body).encode()
    elif name == "responses":
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        chunked = b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nT: 1\r\n\r\n"
        yield b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + chunked
        yield b"HTTP/1.0 200\nContent-Encoding: gzip\nConnection: close\n\nabc"
    elif name == "requests":
        yield b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        upgrade = b"Expect: 100-continue\r\nUpgrade: h2c\r\n\r\n1\r\na\r\n0\r\n\r\n"
        yield b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" + upgrade
    else:
        yield json.dumps({"a": 1}).encode()
