"""Content encodings of recorded bodies, undone within bounds."""

from __future__ import annotations

import zlib

MAXIMUM_BODY = 1 << 26
"""Bytes of a decoded body (64 MiB); a small file can hold one that unpacks to gigabytes."""


MAXIMUM_ENCODINGS = 4
"""Encodings of one body, one in the other; there is data that unpacks to itself."""


class BodyTooLarge(ValueError):
    """A body that unpacks to more than `MAXIMUM_BODY` bytes."""


class UnknownEncoding(ValueError):
    """A content encoding that is not read; the text is its name."""


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its content encodings (RFC 9110, 8.4), unchanged where it is not encoded as it says.

    Recorders often keep the header of a body that they have unpacked. Raises `BodyTooLarge` and `UnknownEncoding`.
    """
    names = [part.strip().lower() for part in encoding.split(",", MAXIMUM_ENCODINGS)]
    if len(names) > MAXIMUM_ENCODINGS:
        raise UnknownEncoding(f"more than {MAXIMUM_ENCODINGS} in each other")
    for name in reversed(names):
        if name in ("", "identity", "utf-8") or not body:
            continue
        if name in ("gzip", "x-gzip"):
            if body[:2] == b"\x1f\x8b":
                body = _inflated(body, 16 + zlib.MAX_WBITS)
        elif name == "deflate":
            body = _deflated(body)
        elif name == "br":
            body = _brotli(body)
        elif _plain(body):
            return body
        else:
            raise UnknownEncoding(name[:20])
    return body


def _plain(body: bytes) -> bool:
    """Whether a body is what an API says without any encoding."""
    return body[:64].lstrip()[:1] in (b"{", b"[", b"<")


def _inflated(body: bytes, window: int) -> bytes:
    """A stream of zlib's, whole; what is no such stream stays as it is."""
    machine = zlib.decompressobj(window)
    try:
        found = machine.decompress(body, MAXIMUM_BODY)
        if machine.unconsumed_tail:
            raise BodyTooLarge
        return found + machine.flush(MAXIMUM_BODY)
    except zlib.error:
        return body


def _deflated(body: bytes) -> bytes:
    if _plain(body):
        return body
    found = _inflated(body, zlib.MAX_WBITS)
    return _inflated(body, -zlib.MAX_WBITS) if found is body else found  # some servers leave zlib's frame out


def _brotli(body: bytes) -> bytes:
    import brotli

    # It is tried on every body: what it makes of a large one begins with a bracket, as JSON does.
    machine = brotli.Decompressor()
    found = bytearray()
    try:
        found += machine.process(body, output_buffer_limit=1 << 20)
        while not machine.is_finished() and (piece := machine.process(b"", output_buffer_limit=1 << 20)):
            found += piece
            if len(found) > MAXIMUM_BODY:
                raise BodyTooLarge
    except brotli.error:
        return body
    return bytes(found) if machine.is_finished() else body
