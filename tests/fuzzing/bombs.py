"""Bombs: recordings that are small as files and without bounds as what they unpack to, and some that are just large."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import brotli

from tests.tapes import cassette, created, har, lawful

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
LARGE = 20 * MEGABYTE


class Bomb(NamedTuple):
    """A recording, and what is said of it (empty: it is judged)."""

    name: str
    content: bytes
    says: str


def repeated(piece: bytes, before: bytes = b"", after: bytes = b"", size: int = GIGABYTE) -> bytes:
    """A gzip file of a piece again and again, without ever having it unpacked: members may follow each other."""
    block = gzip.compress(piece * (MEGABYTE // len(piece)), 9, mtime=0)
    return gzip.compress(before, mtime=0) + block * (size // MEGABYTE) + gzip.compress(after, mtime=0)


def files() -> Iterator[Bomb]:
    """Bombs as files."""
    entries = b'{"log": {"entries": ['
    row = b"interactions:\n- request: {method: POST, uri: 'https://api.capsolver.com/createTask', body: '"
    yield Bomb("one string.har.gz", repeated(b"a", entries + b'{"a": "'), "one entry of more than")
    yield Bomb("one scalar.yaml.gz", repeated(b"a", row), "one interaction of more than")
    yield Bomb("lists.har.gz", repeated(b"[],", entries + b'{"a": ['), "millions of lists|one entry of more than")
    yield Bomb("objects.json.gz", repeated(b'{"a":0},', b'{"interactions": [['), "millions of|one entry of more")
    yield Bomb("nodes.yaml.gz", repeated(b"a, ", b"interactions: [["), "more than 1,000,000 nodes|of more than")
    yield Bomb("blanks.har.gz", repeated(b" \n", size=GIGABYTE // 4), "the file is empty")
    yield Bomb("zeros.json.gz", repeated(b"\0", b"{"), "binary data|UTF-16|no JSON")


def bodies() -> Iterator[Bomb]:
    """Bombs as bodies: in each encoding, and in encodings of encodings."""
    plain = bytes(100 * MEGABYTE)
    packed = {
        "gzip": gzip.compress(plain, 1, mtime=0),
        "deflate": zlib.compress(plain, 1),
        "br": brotli.compress(plain, quality=1),
    }
    packed["gzip, gzip"] = gzip.compress(packed["gzip"], mtime=0)
    for name, body in packed.items():
        document = har([created()])
        response = document["log"]["entries"][0]["response"]
        response["headers"].append({"name": "Content-Encoding", "value": name})
        response["content"] |= {"text": base64.b64encode(body).decode(), "encoding": "base64"}
        content = json.dumps(document).encode()
        yield Bomb(f"{name.replace(', ', ' in ')} body.har", content, "unpacks to more than 64 MiB")
        taped = cassette([created()])
        response = taped["interactions"][0]["response"]
        response["headers"]["Content-Encoding"] = [name]
        response["body"] = {"base64_string": base64.b64encode(body).decode()}
        content = json.dumps(taped).encode()
        yield Bomb(f"{name.replace(', ', ' in ')} body.json", content, "unpacks to more than 64 MiB")


def large() -> Iterator[Bomb]:
    """Recordings with a response of 20 MB, lawful and merely large."""
    text = "x" * LARGE
    document = har(lawful())
    content = document["log"]["entries"][-1]["response"]["content"]
    said = content["text"].replace("the-token", text)
    content["text"] = said
    content |= {"text": base64.b64encode(said.encode()).decode(), "encoding": "base64"}
    yield Bomb("base64.har", json.dumps(document).encode(), "")
    taped = cassette(lawful())
    taped["interactions"][-1]["response"]["body"]["string"] = said
    yield Bomb("plain.json", json.dumps(taped).encode(), "")
    yield from _yaml(said)


def _yaml(said: str) -> Iterator[Bomb]:
    """The same in the styles of YAML: quoted on one line, quoted and folded, folded in a block, as bytes."""
    words = said.replace("x" * 80, "x" * 79 + " ")
    styles = {
        "quoted": json.dumps(said),
        "quoted, folded": "'" + words.replace(" ", "\n          ") + "'",
        "folded": ">-\n          " + words.replace(" ", "\n          "),
        "bytes": "!!binary |\n          " + base64.encodebytes(said.encode()).decode().replace("\n", "\n          "),
    }
    for name, style in styles.items():
        yield Bomb(f"{name}.yaml", _CASSETTE.replace("BODY", style).encode(), "")


_CASSETTE = """interactions:
- request:
    body: '{"clientKey": "YOUR_API_KEY", "taskId": "b974dd8e-1f4a-4c3b-9d2e-000000000001"}'
    headers: {Content-Type: [application/json]}
    method: POST
    uri: https://api.capsolver.com/getTaskResult
  response:
    body:
      string: BODY
    headers: {Content-Type: [application/json]}
    status: {code: 200, message: OK}
version: 1
"""
