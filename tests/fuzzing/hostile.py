"""Hostile recordings that are small: what each is, and the sentence that it deserves."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from tests.tapes import cassette, har, lawful

DEEP = 100_000


class Hostile(NamedTuple):
    """A file that cannot be read: its name (the ending names the format), its content, what is said of it."""

    name: str
    content: bytes
    says: str


def yaml_of(document: Any) -> bytes:
    return yaml.dump(document, Dumper=yaml.CSafeDumper).encode()


def json_of(document: Any) -> bytes:
    return json.dumps(document).encode()


YAML = yaml_of(cassette(lawful()))
JSON = json_of(cassette(lawful()))
HAR = json_of(har(lawful()))
FORMS = {
    "t.yaml": YAML,
    "t.json": JSON,
    "t.har": HAR,
    "t.yaml.gz": gzip.compress(YAML, mtime=0),
    "t.json.gz": gzip.compress(JSON, mtime=0),
    "t.har.gz": gzip.compress(HAR, mtime=0),
}
"""One lawful recording in every form."""

FIRST = (
    "interactions:\n- request: {method: POST, uri: 'https://api.capsolver.com/createTask', body: '{}'}\n  response: "
)
"""The beginning of a cassette in YAML; what follows is the first response."""


def all_hostile(canary: str) -> Iterator[Hostile]:
    """All of them; `canary` is the path of a file that code in a recording would make."""
    yield from _no_text()
    yield from _cut()
    yield from _tags(canary)
    yield from _yaml()
    yield from _json()
    yield from _deep()
    yield from _times()


def _no_text() -> Iterator[Hostile]:
    for ending in ("yaml", "json", "har"):
        yield Hostile(f"empty.{ending}", b"", "the file is empty")
        yield Hostile(f"blanks.{ending}", b" \n\t" * 5, "the file is empty")
        yield Hostile(f"many blanks.{ending}", b" \n" * 100_000, "the file is empty")
        yield Hostile(f"empty.{ending}.gz", gzip.compress(b""), "the file is empty")
        yield Hostile(f"mark.{ending}", b"\xef\xbb\xbf", "the file is empty")
        yield Hostile(f"binary.{ending}", bytes(range(256)) * 20, "(binary data|no YAML|no JSON|not UTF-8)")
        yield Hostile(f"picture.{ending}", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(500), "binary data")
        yield Hostile(f"words.{ending}", b"It is no recording at all.", "no cassette|not a recording")
    for name, content in (("t.yaml", YAML), ("t.json", JSON), ("t.har", HAR)):
        text = content.decode()
        for wide in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
            yield Hostile(f"{wide}.{name}", text.encode(wide), "UTF-16 or UTF-32; expected UTF-8")
        yield Hostile(f"latin.{name}", text.replace("the-token", "caf\xe9").encode("latin-1"), "UTF-8|invalid")
        yield Hostile(f"zeros.{name}", content[:40] + b"\0" * 9 + content[40:], "binary data")
        far = content.replace(b"the-token", b"the\0token")
        if name == "t.yaml":
            yield Hostile(f"zero inside.{name}", far, "no YAML|binary data")
        yield Hostile(f"double.{name}.gz", gzip.compress(gzip.compress(content)), "binary data|no YAML|UTF-8")


def _cut() -> Iterator[Hostile]:
    for name, content in FORMS.items():
        for share in (0.02, 0.2, 0.4, 0.6, 0.8):
            if name != "t.yaml":  # which has no end that could be missing, see the test of its cuts
                place = int(len(content) * share)
                says = "gzip data is cut short|binary" if name.endswith(".gz") else "cut short"
                yield Hostile(f"cut at {share}.{name}", content[:place], says)
    for name in ("t.yaml.gz", "t.har.gz"):
        damaged = bytearray(FORMS[name])
        damaged[len(damaged) // 2] ^= 0x55
        yield Hostile(f"damaged.{name}", bytes(damaged), ".")
        yield Hostile(f"wrong sum.{name}", FORMS[name][:-8] + bytes(8), "gzip data is cut short or damaged")
        yield Hostile(f"more behind.{name}", FORMS[name] + b"something else", "gzip data is cut short or damaged")


def _tags(canary: str) -> Iterator[Hostile]:
    acts = {
        "apply": f"!!python/object/apply:os.system ['touch {canary}']",
        "open": f"!!python/object/apply:builtins.open ['{canary}', w]",
        "eval": f"!!python/object/apply:eval [\"open('{canary}', 'w')\"]",
        "new": f"!!python/object/new:os.system ['touch {canary}']",
        "object": "!!python/object:collections.Counter {}",
        "name": "!!python/name:os.system ''",
        "module": "!!python/module:this ''",
        "own": "!mine {}",
        "verbatim": "!<tag:example.com,2026:odd> x",
    }
    for name, act in acts.items():
        says = "line [0-9]+: the tag .* would make an object, which is never done"
        yield Hostile(f"{name} as body.yaml", f"{FIRST}{{status: {{code: 200}}, body: {act}}}\n".encode(), says)
        yield Hostile(f"{name} as answer.yaml", f"{FIRST}{act}\n".encode(), says)
        yield Hostile(f"{name} as metadata.yaml", f"metadata: {act}\ninteractions: []\n".encode(), says)
        yield Hostile(f"{name} as key.yaml", f"{FIRST}{{? {act} : 1}}\n".encode(), f"{says}|must be text")
        yield Hostile(f"{name} at the top.yaml", f"{act}\n".encode(), "no cassette|a list|not a recording")


def _yaml() -> Iterator[Hostile]:
    laughs = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    yield Hostile("billion laughs.yaml", b"l0: &l0 ha\n" + laughs.encode(), "aliases that stand for far more")
    big = "metadata: &big '" + "x" * 100_000 + "'\n"
    joined = f"{FIRST}{{status: {{code: 200}}, body: [{', '.join(['*big'] * 100_000)}]}}\n"
    yield Hostile("body of aliases.yaml", (big + joined).encode(), "aliases that stand for far more")
    headers = f"{FIRST}{{status: {{code: 200}}, headers: {{x: [{', '.join(['*big'] * 100_000)}]}}}}\n"
    yield Hostile("header of aliases.yaml", (big + headers).encode(), "aliases that stand for far more")
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 20_000))
    yield Hostile("chain of aliases.yaml", chain.encode(), "aliases that stand for far more")
    yield Hostile("itself.yaml", b"interactions: &a\n- *a\n", "the alias \\*a has no anchor|no anchor before")
    yield Hostile("itself in itself.yaml", f"{FIRST}&r {{status: {{code: 200, message: *r}}}}\n".encode(), "no anchor")
    yield Hostile("unknown alias.yaml", f"{FIRST}*nobody\n".encode(), "the alias \\*nobody has no anchor before it")
    yield Hostile("merge.yaml", f"{FIRST}{{<<: {{status: {{code: 200}}}}}}\n".encode(), "merge keys")
    yield Hostile("two documents.yaml", YAML + b"---\n" + YAML, "a second document")
    yield Hostile("twice.yaml", YAML + YAML, "'interactions' is there twice")
    yield Hostile("a list.yaml", b"- request: {}\n  response: {}\n", "interaction 1, request.method: must be text")
    yield Hostile("tab.yaml", b"interactions:\n\t- x\n", "line 2: no YAML")
    yield Hostile("brackets.yaml", FIRST.encode() + b"[" * 50_000, "nested more than|no YAML")
    yield Hostile("braces.yaml", FIRST.encode() + b"{a: " * 50_000, "nested more than|no YAML")
    yield Hostile("questions.yaml", FIRST.encode() + b"? " * 50_000, "no YAML|nested|must be text")
    yield Hostile("dashes.yaml", b"interactions:\n" + b"- " * 50_000 + b"x\n", "nested more than")
    yield Hostile("long key.yaml", FIRST.encode() + b"{" + b"k" * 3_000_000 + b": 1}\n", "no YAML")
    yield Hostile("anchor after anchor.yaml", FIRST.encode() + b"&a " * 100_000 + b"x\n", "no YAML")
    many = b"".join(b"- &a%d x\n" % n for n in range(200_001))
    yield Hostile("many anchors.yaml", b"metadata:\n" + many + b"interactions: []\n", "more than 200,000 anchors")
    tags = b"".join(b"%%TAG !a%d! tag:example.com,2026:\n" % n for n in range(100_000))
    yield Hostile("directives.yaml", tags + b"---\n" + YAML, "more than 100 directives")
    yield Hostile("no base64.yaml", f"{FIRST}{{status: 200, body: !!binary abc}}".encode(), "is not base64")


def _json() -> Iterator[Hostile]:
    start = HAR[: HAR.index(b'"entries": [') + len(b'"entries": [')]
    yield Hostile("nothing known.json", b'{"a": 1}', "neither 'interactions' \\(a cassette\\) nor 'log.entries'")
    yield Hostile("a list.json", b"[1, 2]", "not a recording: a list")
    yield Hostile("no list.har", b'{"log": {"entries": {}}}', "the entries must be a list")
    yield Hostile("no table.har", b'{"log": 7}', "expected log to be an object")
    yield Hostile("twice.json", JSON[:-1] + b", " + JSON[1:], "'interactions' is there twice")
    yield Hostile("behind.json", JSON + b" {}", "something follows the end")
    yield Hostile("commas.json", b'{"interactions": [,,]}', "no JSON")
    yield Hostile("not a number.har", start + b"NaN]}}", "entries\\[0\\]: must be an object")
    yield Hostile("infinity.har", start + b"-Infinity]}}", "entries\\[0\\]: must be an object")
    yield Hostile("digits.har", start + b"9" * 10_000 + b"]}}", "entries\\[0\\]: must be an object")
    yield Hostile("quotes.json", b"{'interactions': []}", "no JSON")
    yield Hostile("escape.har", start + b'"\\x"]}}', "Invalid .*escape")


def _deep() -> Iterator[Hostile]:
    for opening, name in ((b"[", "lists"), (b'{"a":', "objects")):
        yield Hostile(f"deep {name}.json", opening * DEEP, "not a recording|nested too deeply|no JSON")
        for place in ("interactions", "metadata"):
            yield Hostile(f"deep {name} in {place}.json", b'{"%s": [' % place.encode() + opening * DEEP, "too deeply")
        yield Hostile(f"deep {name}.har", b'{"log": {"entries": [' + opening * DEEP, "nested too deeply")
        closed = opening * DEEP + b"1" + (b"]" if opening == b"[" else b"}") * DEEP
        yield Hostile(f"deep {name}, closed.har", b'{"log": {"entries": [' + closed + b"]}}", "nested too deeply")


def _times() -> Iterator[Hostile]:
    for name, sent, received in (
        ("backwards", 5, 4), ("infinite", "Infinity", 1), ("not a number", "NaN", 1), ("text", "soon", 1),
        ("endless", 0, "inf"), ("list", [1], 1), ("object", {"a": 1}, 1), ("huge", 10**400, 10**400),
    ):  # fmt: skip
        row = {"sent": sent, "received": received}
        rows = [{"sent": n, "received": n} for n in range(2)] + [row]
        document = cassette(lawful(), metadata={"pollproof": {"exchanges": rows}})
        for ending, write in (("json", json_of), ("yaml", yaml_of)):
            yield Hostile(f"own {name}.{ending}", write(document), "exchanges, row 3: expected")
