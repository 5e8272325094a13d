"""Signatures of callbacks: an HMAC with a secret that both sides have."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping

from pollproof.contract.model import Signature

_WORD = re.compile(r"\{([^{}]*)\}")


_DIGESTS = ("hex", "base64")


def signature_of(signature: Signature, secret: str, body: bytes, headers: Mapping[str, str]) -> str:
    """The signature of a callback with this body and these headers (names in lower case).

    What else is written in it, such as a {timestamp}, is taken from the signature that is among the headers.
    """
    headers = {**headers, **_written_beside(signature, headers.get(signature.header.lower(), ""))}
    pieces: list[bytes] = []
    place = 0
    for found in _WORD.finditer(signature.over):
        pieces.append(signature.over[place : found.start()].encode())
        pieces.append(body if found[1] == "body" else headers.get(found[1].lower(), "").encode())
        place = found.end()
    pieces.append(signature.over[place:].encode())
    key = base64.b64decode(secret.rpartition("_")[2]) if signature.base64 else secret.encode()
    digest = hmac.new(key, b"".join(pieces), signature.hash).digest()
    words = {**headers, "hex": digest.hex(), "base64": base64.b64encode(digest).decode()}
    return _WORD.sub(lambda found: words.get(found[1], found[0]), signature.written)


def _written_beside(signature: Signature, shown: str) -> dict[str, str]:
    """The words that stand in a signature beside its digest, by their names."""
    names = [name for name in _WORD.findall(signature.written) if name not in _DIGESTS]
    if not names:
        return {}
    pieces = _WORD.split(signature.written)
    texts, words = map(re.escape, pieces[::2]), pieces[1::2]
    groups = ("([^,; ]*)" if name in names else "[^,; ]*" for name in words)
    pattern = "".join(part for pair in zip(texts, (*groups, ""), strict=True) for part in pair)
    found = re.search(pattern, shown)
    return {} if found is None else dict(zip(names, found.groups(), strict=True))
