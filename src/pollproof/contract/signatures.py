"""Signatures of callbacks: HMAC with SHA-256 and a secret that both sides have."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from pollproof.contract.model import Signature

_WORD = re.compile(r"\{([^{}]*)\}")


def signature_of(signature: Signature, secret: str, body: bytes, headers: Mapping[str, str]) -> str:
    """The signature of a callback with this body and these headers (names in lower case)."""
    pieces: list[bytes] = []
    place = 0
    for found in _WORD.finditer(signature.over):
        pieces.append(signature.over[place : found.start()].encode())
        pieces.append(body if found[1] == "body" else headers.get(found[1].lower(), "").encode())
        place = found.end()
    pieces.append(signature.over[place:].encode())
    key = base64.b64decode(secret.rpartition("_")[2]) if signature.base64 else secret.encode()
    digest = hmac.new(key, b"".join(pieces), hashlib.sha256).digest()
    words = {"hex": digest.hex(), "base64": base64.b64encode(digest).decode()}
    return _WORD.sub(lambda found: words.get(found[1], found[0]), signature.written)
