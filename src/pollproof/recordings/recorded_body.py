"""Bodies as recorders leave them: the bytes that were sent where they can be told, else why they cannot.

Recorders drop bodies, cut them, label plain text as base64 and base64 as plain text, and write the bytes of packed
bodies as characters. What cannot be read for such a reason is `NotRecorded`: nobody can be judged by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pollproof.recordings.encodings import NotRecorded, decoded, from_base64, is_packed, unpacked
from pollproof.trace.bodies import Unreadable, read_json

MISLABELLED = "labelled as base64, and read as the plain text that it is"
UNLABELLED = "stored as base64 without a label, and decoded"
AS_CHARACTERS = "stored with one character for each byte, and turned back into bytes"
"""What was mended of a body, for notes."""

DROPPED = "dropped by the recorder, which kept its size"
LEFT_OUT = "left out by the recorder"
NO_TEXT = "no text was stored"
CUT = "cut short: the text does not have the recorded size"
LOST = "its bytes were stored as text, which loses them"
"""Why a body was not recorded."""

_LABELS = frozenset({"base64", "base-64", "b64", "base64url"})
_DECLARED = re.compile(rb"""^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*(?:"[^"]*"|'[^']*')""")
_DECLARATION = 200
"""Bytes in which an XML declaration has room; the search takes the square of their number."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a recording says of the length of a body in bytes: as it was sent, and decoded. -1: nothing."""

    wire: int = -1
    plain: int = -1

    @property
    def some(self) -> bool:
        """Whether there was a body."""
        return self.wire > 0 or self.plain > 0


def size_of(value: object) -> int:
    """A size as recorders write it, in digits or as a number; -1 where it is not one."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 16 else -1
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 50:
        return -1
    return int(value)


def length_of(headers: Mapping[str, str]) -> int:
    """The Content-Length of a message, -1 where it is not known; a header that was repeated counts once."""
    return size_of(headers.get("content-length", "").partition(",")[0].strip())


def is_labelled(label: object) -> bool:
    """Whether a label says that a text is base64."""
    return isinstance(label, str) and label.strip().lower() in _LABELS


def read_text(text: str, label: object, headers: Mapping[str, str], sizes: Sizes) -> tuple[bytes, str | None]:
    """The bytes that a recorded text stands for, decoded, and what was mended of it (None: nothing).

    `label` is what the recorder says of the text (`base64`). Raises `NotRecorded`, and `BodyTooLarge`.
    """
    encoding = headers.get("content-encoding", "")
    mended: str | None = None
    raw = from_base64(text) if is_labelled(label) else None
    labelled = raw is not None
    if raw is None:
        raw, mended = _bytes(text, encoding)
        if is_labelled(label):
            mended = MISLABELLED
    body, was_text = unpacked(raw, encoding, as_text=labelled or sizes.wire != len(raw))
    if was_text and not labelled:
        mended = UNLABELLED
    if _is_short(sizes, {len(raw), len(text), len(body)}, encoded=bool(encoding)) and not is_well_formed(body):
        raise NotRecorded(CUT)
    return body, mended


def read_bytes(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str | None]:
    """The same for a body that a recording holds as bytes."""
    if not body:
        return read_nothing(headers, Sizes(length_of(headers))), None
    encoding = headers.get("content-encoding", "")
    found, was_text = unpacked(body, encoding, as_text=length_of(headers) != len(body))
    if not encoding and length_of(headers) > len(body) and not is_well_formed(found):
        raise NotRecorded(CUT)
    return found, UNLABELLED if was_text else None


def text_bytes(text: str, mended: list[str]) -> bytes:
    """The bytes of a text that may hold packed bytes, one a character; what was mended is added to `mended`.

    Raises `NotRecorded`.
    """
    if text[:1] not in ("\x1f", "x", "("):
        return text.encode("utf-8", "surrogatepass")
    body, found = _bytes(text, "")
    mended += [found] if found else []
    return body


def read_nothing(headers: Mapping[str, str], sizes: Sizes) -> bytes:
    """The empty body; raises `NotRecorded` where something says that a body was sent."""
    if sizes.some or length_of(headers) > 0:
        raise NotRecorded(DROPPED)
    if length_of(headers) != 0 and ("content-encoding" in headers or "transfer-encoding" in headers):
        raise NotRecorded(DROPPED)
    return b""


def is_well_formed(body: bytes) -> bool:
    """Whether a body is a whole JSON object, array or XML document."""
    start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        from pollproof.trace.soap import parse

        return type(parse(body)) is not Unreadable
    return start in (b"{", b"[") and type(read_json(body)) is not Unreadable


def _bytes(text: str, encoding: str) -> tuple[bytes, str | None]:
    """The bytes of a text: of its characters, or those that it holds one a character, as packed data may be."""
    head = text[:64].lstrip("\ufeff \t\r\n")[:1]
    if head not in ("{", "[", "<"):
        for charset in ("latin-1", "cp1252"):
            try:
                raw = text.encode(charset)
            except UnicodeEncodeError:
                continue
            if is_packed(raw[:4]) or (encoding and not text.isascii()):
                try:
                    decoded(raw, encoding)
                except NotRecorded:
                    continue
                return raw, AS_CHARACTERS
        if text[:2] == "\x1f\ufffd" or text[:2] == "\x1f\x8b" or text[:3] == "(\ufffd/":
            raise NotRecorded(LOST)
        if "\ufffd" in text[:64] and any(each < " " and each not in "\t\r\n" for each in text[:64]):
            raise NotRecorded(LOST)
    body = text.encode("utf-8", "surrogatepass")
    if head == "<" and body[:6].lstrip()[:2] == b"<?":  # it was decoded: what XML declares of its bytes is over
        body = _DECLARED.sub(rb"\1", body[:_DECLARATION]) + body[_DECLARATION:]
    return body, None


def _is_short(sizes: Sizes, lengths: set[int], *, encoded: bool) -> bool:
    """Whether a recording holds less than its sizes say; some writers count what was sent, others what was unpacked."""
    return max(sizes.plain, -1 if encoded else sizes.wire) > max(lengths)
