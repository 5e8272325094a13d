"""Which of the things that people give to a run are secrets: keys, and what stands in URLs, commands, variables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

from pollproof.contract.model import Contract
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.secrets.redact import DISTINCT
from pollproof.trace.codecs import codec_of
from pollproof.trace.exchange import Exchange

_NAME = re.compile(
    r"(?i)(?:^|[-_.])(?:(?:api|access|private|secret|client|auth)[-_]?key|key|secret|token|password|passwd|pwd|passphrase"
    r"|credentials?|authorization)s?$"
)
"""Names of variables and options whose value is a secret."""


def in_url(url: str) -> Iterator[str]:
    """The password of a URL, and the values of its query that are long enough to be a key."""
    with suppress(ValueError):
        parts = urlsplit(url)
        for part in (parts.password, unquote(parts.password or "")):
            if part:
                yield part
        yield from (value for _, value in parse_qsl(parts.query) if len(value) >= DISTINCT)


def in_command(words: Sequence[str]) -> Iterator[str]:
    """The values of a command's options and variables that are named like a secret; passwords of its URLs."""
    before = ""
    for word in words:
        name, sign, value = word.partition("=")
        if sign and _NAME.search(name):
            yield value
        elif before.startswith("-") and _NAME.search(before) and not word.startswith("-"):
            yield word
        if "://" in word:
            yield from in_url(word if "://" not in value else value)
        before = word


def in_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of variables that are named like a secret, but for paths, and words that would mask ordinary ones."""
    for name, value in environment.items():
        if _NAME.search(name) and len(value) >= DISTINCT and not value.startswith(("/", "{")):
            yield value


def in_exchanges(contract: Contract, exchanges: Iterable[Exchange]) -> set[str]:
    """The keys that requests show where the contract has the key: they may be another one's than ours."""
    place = contract.credential.at
    if place is None:
        return set()
    read, codec = compile_place(place), codec_of(contract, "request")
    before, _, after = contract.credential.template.partition("{credential}")
    found: set[str] = set()
    for exchange in exchanges:
        request = exchange.request
        body = codec.read(request.body) if place.area == "body" else MISSING
        value = read(View(body, MISSING, {}, request.headers, {}, None))
        if isinstance(value, str):
            found |= {value, value.removeprefix(before).removesuffix(after)}
    return found


def of_command(contract: Contract, words: Sequence[str]) -> set[str]:
    """All secrets that a client under test is given, or that its words and its variables hold."""
    return {contract.credential.sample, *in_command(words), *in_environment(os.environ)}
