"""Mutations: of the data that a file holds, of the bodies in it, and of its bytes. Everything comes from the dice."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import brotli

from tests.fuzzing.trees import Place, at, places

NUMBERS: list[Any] = [0, -1, 1, 99, 100, 200, 304, 999, 1000, 2**31, 2**63, 2**64, -(2**70), 10**400, 0.1, -0.0, 1e308]
NUMBERS += [5e-324, 1.7976931348623157e308, True, False, None, float("nan"), float("inf")]

TEXTS = [
    "", " ", "\0", "\x7f", "\u0085", "\ufeff", "\ufffe", "\u2028", "\U0001f600", "\ud800", "e\u0301", "\u202e",
    "null", "true", "0", "-1", "1e999", "NaN", "Infinity", "9" * 400, "9" * 5000, "*", "&a", "!!python/none", "<<",
    "{", "[", "<", "]]>", "POST", "GET", "http://[", "http://a:99999/", "//", "file:///etc/hosts", "data:,",
    "https://api.capsolver.com/getTaskResult", "gzip", "br", "deflate", "base64", "gzip, br, deflate", "identity",
    "zstd", "Sun, 01 Mar 2026 12:00:00 GMT", "2026-03-01T12:00:00Z", "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:60+23:59", "ready", "failed", "processing", "done", "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "<a>&b;</a>", "x" * 3000, "\\", "'", '"', "\n", "\r\n", "\t", "%s%n", "\\ud800",
]  # fmt: skip

TOKENS = [
    b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1f\x8b", b"{", b"}", b"[", b"]", b",", b":", b'"', b"'", b"\\",
    b"\n", b"\n\n", b"\t", b"- ", b"? ", b"&a ", b"*a", b"<<: ", b"!!binary ", b"!!python/name:os.system ", b"---\n",
    b"...\n", b"%TAG ", b"# ", b"| ", b"> ", b"null", b"NaN", b"1e999", b"-", b"\\ud800", b"\\u0000",
    b"interactions:", b'"interactions": [', b'"log": {', b"]}}", b"<", b"&", b"<!DOCTYPE", b"]]>", b"\xed\xa0\x80",
    b"\xc0\x80", b"\x85", b"\xe2\x80\xa8",
]  # fmt: skip

HEADERS = [
    "Content-Encoding",
    "Date",
    "Content-Type",
    "Content-Length",
    "date",
    "Transfer-Encoding",
    "",
    "Authorization",
]


# ------------------------------------------------------------------------------------------- data


def of_data(document: Any, dice: random.Random, dictionary: list[Any]) -> Any:
    """The document with one thing changed; `dictionary` holds values of other documents."""
    changed = copy.deepcopy(document)
    where = list(places(changed))
    if not where:
        return changed
    place = dice.choice(where)
    parent, last = at(changed, place[:-1]), place[-1]
    change = dice.choice(_DATA)
    change(parent, last, dice, dictionary)
    return changed


def _drop(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    del parent[last]


def _number(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    parent[last] = dice.choice(NUMBERS)


def _words(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    parent[last] = dice.choice(TEXTS)


def _insert_words(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    if isinstance(parent[last], str):
        text, place = parent[last], dice.randrange(len(parent[last]) + 1)
        parent[last] = text[:place] + dice.choice(TEXTS) + text[place + dice.randrange(4) :]
    else:
        parent[last] = [parent[last]]


def _splice(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    parent[last] = copy.deepcopy(dice.choice(dictionary))


def _wrap(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    value = parent[last]
    for _ in range(dice.choice([1, 2, 50, 150])):
        value = [value] if dice.random() < 0.5 else {"string": value}
    parent[last] = value


def _reorder(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    inner = parent[last]
    if isinstance(inner, list):
        dice.choice([inner.reverse, lambda: dice.shuffle(inner)])()
    elif isinstance(inner, dict):
        items = list(inner.items())
        dice.shuffle(items)
        parent[last] = dict(items)


def _again(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    if isinstance(parent, list):
        parent[last:last] = [copy.deepcopy(parent[last]) for _ in range(dice.choice([1, 2, 30]))]
    else:
        parent[dice.choice(TEXTS)] = parent[last]


def _rename(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    if isinstance(parent, dict):
        parent[dice.choice([*TEXTS, last.upper(), last + " "])] = parent.pop(last)
    else:
        parent.insert(dice.randrange(len(parent) + 1), parent.pop(last))


def _lie(parent: Any, last: Any, dice: random.Random, dictionary: list[Any]) -> None:
    name, value = dice.choice(HEADERS), dice.choice(TEXTS)
    headers = parent.get("headers") if isinstance(parent, dict) else None
    if isinstance(headers, dict):
        headers[name] = dice.choice([[value], value, [value, value], []])
    elif isinstance(headers, list):
        headers.append({"name": name, "value": value})
    else:
        parent[last] = {"name": name, "value": value}


_DATA: list[Callable[[Any, Any, random.Random, list[Any]], None]] = [
    _drop, _number, _words, _insert_words, _splice, _wrap, _reorder, _again, _rename, _lie,
]  # fmt: skip


# ------------------------------------------------------------------------------------------- bodies


def body_places(document: Any) -> list[Place]:
    """Where the bodies of a document stand."""
    return [
        place
        for place in places(document)
        if place[-1] in ("string", "text", "body") and isinstance(at(document, place), str)
    ]


def of_body(document: Any, dice: random.Random, dictionary: list[Any]) -> Any:
    """The document with one body changed: as the data that it is, as text, or packed."""
    where = body_places(document)
    if not where:
        return of_data(document, dice, dictionary)
    changed = copy.deepcopy(document)
    place = dice.choice(where)
    parent = at(changed, place[:-1])
    text = body(parent[place[-1]], dice, dictionary)
    if dice.random() < 0.1:
        _pack(changed, place, text, dice)
    else:
        parent[place[-1]] = text
    return changed


def body(text: str, dice: random.Random, dictionary: list[Any]) -> str:
    """Another text in place of a body."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict | list) and dice.random() < 0.7:
        try:
            return json.dumps(of_data(value, dice, dictionary), ensure_ascii=dice.random() < 0.5, default=repr)
        except (RecursionError, ValueError):
            return "[" * 2000
    return of_bytes(text.encode("utf-8", "surrogatepass"), dice).decode("utf-8", "replace")


def _pack(document: Any, place: Place, text: str, dice: random.Random) -> None:
    """Write a body in base64, and say or lie how it is encoded."""
    data = text.encode("utf-8", "surrogatepass")
    encodings: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda plain: gzip.compress(plain, mtime=0), "deflate": zlib.compress, "br": brotli.compress,
    }  # fmt: skip
    said = dice.choice(list(encodings))
    packed = encodings[dice.choice([said, said, *encodings])](data)
    if dice.random() < 0.3:
        packed = of_bytes(packed, dice)
    coded = base64.b64encode(packed).decode()
    parent = at(document, place[:-1])
    if place[-1] == "string":
        del parent["string"]
        parent["base64_string"] = coded
    else:
        parent[place[-1]] = coded
        parent["encoding"] = "base64"
    for above in range(len(place)):
        message = at(document, place[:above])
        if isinstance(message, dict) and isinstance(message.get("headers"), dict | list):
            _lie_of(message, said)


def _lie_of(message: Any, encoding: str) -> None:
    if isinstance(message["headers"], dict):
        message["headers"]["Content-Encoding"] = [encoding]
    else:
        message["headers"].append({"name": "Content-Encoding", "value": encoding})


# -------------------------------------------------------------------------------------------- bytes


def of_bytes(content: bytes, dice: random.Random) -> bytes:
    """Bytes that differ in one place."""
    size = len(content)
    first, second = sorted((dice.randrange(size + 1), dice.randrange(size + 1)))
    short = min(first + dice.choice([1, 1, 2, 8, 64, 512]), size)
    match dice.randrange(9):
        case 0:
            return content[:first]
        case 1:
            return content[:first] + content[short:]
        case 2:
            return content[:short] + content[first:]
        case 3:
            return content[:first] + dice.choice(TOKENS) + content[short if dice.random() < 0.5 else first :]
        case 4:
            return content[:first] + dice.randbytes(short - first) + content[short:]
        case 5:
            return content[second:] + content[:second]
        case 6:
            return content[:first] + content[first:short] * dice.choice([2, 9, 99]) + content[short:]
        case 7:
            return content + dice.choice(TOKENS) + content[first:short]
        case _:
            changed = bytearray(content)
            for _ in range(min(size, dice.choice([1, 1, 2, 16]))):
                changed[dice.randrange(size)] ^= 1 << dice.randrange(8)
            return bytes(changed)
