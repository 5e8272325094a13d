"""Content codings (RFC 9110, 8.4), undone within bounds: of responses, and of bodies in recordings."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

MAXIMUM_MEMBERS = 16
"""Members of one gzip body that are unpacked: servers send one, and each costs a copy of what follows it."""

_STEP = 1 << 20
"""Bytes that are unpacked at a time."""

GZIP, DEFLATE = ("gzip", "x-gzip"), "deflate"

KNOWN = (*GZIP, DEFLATE, "br", "zstd")
"""The codings that are undone; zstd only where Python or a package has it."""


class TooMuch(Exception):
    """The body unpacks to more than is read."""


class Damaged(Exception):
    """The body is not encoded that way, or `is_cut`."""

    def __init__(self, *, is_cut: bool = False) -> None:
        super().__init__("cut short" if is_cut else "damaged")
        self.is_cut = is_cut


class NotInstalled(Exception):
    """Nothing here unpacks that coding."""


def undo(body: bytes, coding: str, most: int) -> bytes:
    """The body without one of the codings `KNOWN`; at most `most` bytes.

    Raises `TooMuch`, `Damaged` and `NotInstalled`.
    """
    if coding in GZIP:
        return inflate(body, zlib.MAX_WBITS + 32, most)
    if coding == DEFLATE:
        # Some servers leave out the frame of zlib and call what is left deflate.
        framed = len(body) >= 2 and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return inflate(body, zlib.MAX_WBITS + 32 if framed else -zlib.MAX_WBITS, most)
    return _brotli(body, most) if coding == "br" else _zstd(body, most)


def inflate(body: bytes, window: int, most: int) -> bytes:
    """What zlib unpacks with a window such as `zlib.MAX_WBITS + 32` (gzip or zlib); several members in a row."""
    plain, rest = b"", body
    for _ in range(MAXIMUM_MEMBERS):
        if not rest:
            break
        machine = zlib.decompressobj(window)
        try:
            plain += machine.decompress(rest, most + 1 - len(plain))
        except zlib.error:
            raise Damaged from None
        if len(plain) > most:
            raise TooMuch
        if not machine.eof:
            raise Damaged(is_cut=True)
        rest = machine.unused_data.lstrip(b"\0")  # a gzip file may be padded
    return plain


def _brotli(body: bytes, most: int) -> bytes:
    import brotli

    machine, plain = brotli.Decompressor(), bytearray()
    try:
        plain += machine.process(body, output_buffer_limit=_STEP)
        while not machine.is_finished() and (piece := machine.process(b"", output_buffer_limit=_STEP)):
            plain += piece
            if len(plain) > most:
                raise TooMuch
    except brotli.error:
        raise Damaged from None
    if len(plain) > most:
        raise TooMuch
    if not machine.is_finished():
        raise Damaged(is_cut=True)
    return bytes(plain)


def _zstd(body: bytes, most: int) -> bytes:
    """Unpack zstd with Python's own module (3.14) or a package that is installed for it."""
    module: Any = None
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        try:
            module = importlib.import_module(name)
            break
        except ImportError:
            continue
    if module is None:
        raise NotInstalled
    machine = module.ZstdDecompressor()
    try:
        if module.__name__ == "zstandard":
            plain, is_whole = bytes(machine.decompressobj().decompress(body)), True
        else:
            plain = bytes(machine.decompress(body, most + 1))
            is_whole = machine.eof
    except (module.ZstdError, EOFError, MemoryError):
        raise Damaged from None
    if len(plain) > most:
        raise TooMuch
    if not is_whole:
        raise Damaged(is_cut=True)
    return plain
