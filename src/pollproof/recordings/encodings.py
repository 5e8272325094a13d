"""Content encodings of recorded bodies, undone within bounds: by their first bytes, whatever the headers say."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from pollproof.errors import InputError
from pollproof.http.codings import Damaged, NotInstalled, TooMuch, inflate, undo

MAXIMUM_RECORDED = 1 << 26
"""Bytes of a decoded body (64 MiB); a small file can hold one that unpacks to gigabytes."""

MAXIMUM_ENCODINGS = 4
"""Encodings of one body, one in the other; there is data that unpacks to itself."""

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""The first bytes of both formats."""

ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""The first two bytes of zlib streams; text may begin so too."""

_NONE = frozenset({"", "identity", "utf-8", "none", "binary", "8bit"})
"""Names that stand in Content-Encoding headers and encode nothing."""


SHORTEST = 16
"""Characters of base64 without a label; a shorter word may be what was sent."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*+={0,2}")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)


class BodyTooLarge(InputError):
    """A body that unpacks to more than `MAXIMUM_RECORDED` bytes."""


class NotRecorded(InputError):
    """A body that the recording does not hold, or not in a form that can be read; the text says why."""


def decoded(body: bytes, encoding: str = "") -> bytes:
    """The body without its content encodings (RFC 9110, 8.4).

    `encoding` is the Content-Encoding header. Recorders keep it beside a body that they have unpacked, drop it from one
    that they have not, and repeat it; so gzip, zlib and zstd are known by their first bytes, and what begins as JSON or
    XML is not encoded. Raises `BodyTooLarge`, and `NotRecorded` for a body that does not become readable.
    """
    return unpacked(body, encoding, as_text=False)[0]


def unpacked(body: bytes, encoding: str, *, as_text: bool) -> tuple[bytes, bool]:
    """The same, and whether it was base64, which with `as_text` is undone where JSON, XML or packed data is in it."""
    names = [name for name in dict.fromkeys(part.strip().lower() for part in encoding.split(",")) if name not in _NONE]
    tried: set[str] = set()
    count, was_text = 0, False
    while body and not is_plain(body):
        found = _undone(body, names, tried)
        if found is None and as_text:
            found = _base64(body)
            was_text = was_text or found is not None
        if found is None:
            break
        body = found
        count += 1
        if count > MAXIMUM_ENCODINGS:
            raise NotRecorded(f"more than {MAXIMUM_ENCODINGS} encodings in each other")
    if names and not count and body and not is_plain(body):
        raise NotRecorded(f"content-encoding {', '.join(names)[:40]!r} cannot be decoded")
    return body, was_text


def is_plain(body: bytes) -> bool:
    """Whether a body begins as JSON or XML does, and is text."""
    if body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"[", b"<"):
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return b"<?xml" in body[:64]  # XML says itself in which charset it is
    return True


def is_packed(head: bytes) -> bool:
    """Whether a body begins as gzip, zlib or zstd do."""
    return head[:2] == GZIP or head[:4] == ZSTD or head[:2] in ZLIB


def _undone(body: bytes, names: list[str], tried: set[str]) -> bytes | None:
    """The body without its outermost encoding; None where none is known of it. `tried` are those without a mark."""
    if body[:2] == GZIP:
        found = _inflated(body, 16 + zlib.MAX_WBITS)
        if found is None:
            raise NotRecorded("gzip data that is cut short or damaged")
        return found
    if body[:4] == ZSTD:
        return _zstd(body)
    if body[:2] in ZLIB:
        found = _inflated(body, zlib.MAX_WBITS)
        if found is not None:
            return found
    if "br" in names and "br" not in tried:
        tried.add("br")
        return _brotli(body)
    if "deflate" in names and "deflate" not in tried:  # some servers leave zlib's frame out
        tried.add("deflate")
        return _inflated(body, -zlib.MAX_WBITS)
    return None


def from_base64(text: str) -> bytes | None:
    """The bytes of base64, also of the alphabet for URLs, without padding or as a data URL; None for other text."""
    text = "".join(text.split())
    found = _DATA_URL.match(text)
    if found is not None:
        text = text[found.end() :]
    if _BASE64.fullmatch(text) is None:
        return None
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _base64(body: bytes) -> bytes | None:
    """What base64 without a label stands for, where that is JSON, XML or packed data."""
    if len(body) < SHORTEST or not body.isascii():
        return None
    found = from_base64(body.decode("ascii"))
    if found is None or not (is_plain(found) or is_packed(found) or _base64(found) is not None):
        return None
    return found


def _inflated(body: bytes, window: int) -> bytes | None:
    """A stream of zlib's, whole; None where it is not one, or is cut short."""
    try:
        return inflate(body, window, MAXIMUM_RECORDED)
    except Damaged:
        return None
    except TooMuch:
        raise BodyTooLarge from None


def _brotli(body: bytes) -> bytes | None:
    try:
        return undo(body, "br", MAXIMUM_RECORDED)
    except Damaged:
        return None
    except TooMuch:
        raise BodyTooLarge from None


def _zstd(body: bytes) -> bytes:
    try:
        return undo(body, "zstd", MAXIMUM_RECORDED)
    except NotInstalled:
        raise NotRecorded("encoded as zstd, which needs Python 3.14 or the package backports.zstd") from None
    except Damaged:
        raise NotRecorded("zstd data that is cut short or damaged") from None
    except TooMuch:
        raise BodyTooLarge from None
