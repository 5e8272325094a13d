"""Bodies as recorders leave them: the bytes that were sent where they are known, else why they are not.

Recorders drop bodies, cut them, put marks in their place, label plain text as base64 and base64 as plain text, and
write bytes as characters, digits or literals of their language. What cannot be read for such a reason is
`NotRecorded`: nobody can be judged by it.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pollproof.recordings.encodings import NotRecorded, decoded, from_base64, is_packed, is_plain, unpacked
from pollproof.trace.bodies import Unreadable, read_json

MISLABELLED = "labelled as base64, and read as the plain text that it is"
UNLABELLED = "stored as base64 without a label, and decoded"
AS_CHARACTERS = "stored with one character for each byte, and turned back into bytes"
REWRITTEN = "stored in another form than they were sent in (digits, literals, chunks), and turned back"
"""What was mended of a body, for notes."""

DROPPED = "dropped by the recorder, which kept its size"
LEFT_OUT = "left out by the recorder"
NO_TEXT = "no text was stored"
_CUT_SHORT = "cut short: the text does not have the recorded size"
_BYTES_LOST = "its bytes were stored as text, which loses them"
MARKED = "a mark stands in its place"
"""Why a body was not recorded."""

_MARK = re.compile(
    r"""(?ix) [\W_]*+ (?: \w+ [\W_]++ ){0,2}
    (?: redacted | filtered | removed | masked | scrubbed | saniti[sz]ed | anonymi[sz]ed | hidden | omitted | truncated
      | dropped | discarded | object\ \w+ | binary(?:\ data)? | blob | too\ large )
    (?: [\W_]++ \w+ ){0,4} [\W_]*+ | \*{3,} | x{4,}"""
)
"""What recorders and filters write in the place of a body, or of a value."""

_LONGEST_MARK = 80
_SHORTENED = re.compile(r"(?i)(?:\.\.\.|\u2026|truncated\b[^\"{}]{0,40})\s*\Z")
"""How a text ends that somebody shortened, and said so."""

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


def is_mark(text: str) -> bool:
    """Whether a text stands in the place of one that was taken out: `[redacted]`, `***`, `[object Object]`."""
    return len(text) <= _LONGEST_MARK and _MARK.fullmatch(text) is not None


def read_text(text: str, label: object, headers: Mapping[str, str], sizes: Sizes, mended: list[str]) -> bytes:
    """The bytes that a recorded text stands for, decoded; what was mended of it is added to `mended`.

    `label` is what the recorder says of the text (`base64`). Raises `NotRecorded`, and `BodyTooLarge`.
    """
    body, found = _read_text(text, label, headers, sizes)
    mended += [found] if found else []
    return body


def _read_text(text: str, label: object, headers: Mapping[str, str], sizes: Sizes) -> tuple[bytes, str | None]:
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
    lengths = {len(raw), len(text), len(body)}
    if _looks_whole(body) and max(sizes.plain, -1 if encoding else sizes.wire) <= max(lengths) and "&quot;" not in text:
        return body, mended
    return _doubted(text, body, mended, sizes, encoded=bool(encoding), lengths=lengths)


def _doubted(
    text: str, body: bytes, mended: str | None, sizes: Sizes, *, encoded: bool, lengths: set[int]
) -> tuple[bytes, str | None]:
    """A body that is not whole as it stands: read in another form, left out by the recorder, or sent so."""
    rewritten = _rewritten(text, sizes)
    if rewritten is not None:
        return rewritten, REWRITTEN
    if is_well_formed(body):
        return body, mended
    if is_mark(text) and sizes.plain != len(text):
        raise NotRecorded(MARKED)
    # Some writers count what was sent, others what was unpacked.
    short = max(sizes.plain, -1 if encoded else sizes.wire) > max(lengths)
    begun = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[", b"<")
    if short or (begun and _SHORTENED.search(text[-80:])):
        raise NotRecorded(_CUT_SHORT)
    return body, mended


def read_bytes(body: bytes, headers: Mapping[str, str], mended: list[str]) -> bytes:
    """The same for a body that a recording holds as bytes."""
    body, found = _read_bytes(body, headers)
    mended += [found] if found else []
    return body


def _read_bytes(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str | None]:
    length = length_of(headers)
    if not body:
        return read_nothing(headers, Sizes(length)), None
    encoding = headers.get("content-encoding", "")
    found, was_text = unpacked(body, encoding, as_text=length != len(body))
    mended = UNLABELLED if was_text else None
    if _looks_whole(found) or length == len(body):
        return found, mended
    text = found.decode("latin-1")
    sizes = Sizes(-1 if encoding else length)
    if sizes == Sizes() and not is_mark(text):
        return found, mended  # a cassette has bodies as they came, with no size beside them
    return _doubted(text, found, mended, sizes, encoded=bool(encoding), lengths={len(body), len(found)})


def are_bytes(numbers: list[Any]) -> bool:
    """Whether a list holds bytes as numbers, as some languages write them."""
    return len(numbers) > 1 and all(type(each) is int and 0 <= each < 256 for each in numbers)


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
        from pollproof.trace.soap import parse_xml

        return type(parse_xml(body)) is not Unreadable
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
            raise NotRecorded(_BYTES_LOST)
        if "\ufffd" in text[:64] and any(each < " " and each not in "\t\r\n" for each in text[:64]):
            raise NotRecorded(_BYTES_LOST)
    body = text.encode("utf-8", "surrogatepass")
    if head == "<" and body[:6].lstrip()[:2] == b"<?":  # it was decoded: what XML declares of its bytes is over
        body = _DECLARED.sub(rb"\1", body[:_DECLARATION]) + body[_DECLARATION:]
    return body, None


def _looks_whole(body: bytes) -> bool:
    """Whether a body begins and ends as an object, an array or a document does; nothing is parsed."""
    ends = {b"{": b"}", b"[": b"]", b"<": b">"}
    begin = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:2]
    wanted = ends.get(begin[:1])
    if wanted is None or body[-64:].rstrip()[-1:] != wanted:
        return False
    return not begin[1:].isalpha() or len(body) > _LONGEST_MARK or not is_mark(body.decode("latin-1"))


def _rewritten(text: str, sizes: Sizes) -> bytes | None:
    """What a text stands for that recorders write for bytes; None where it is none of these.

    What a provider might have sent itself counts where the recorded size is that of the other form.
    """
    for begins, undo, certain in _FORMS:
        if begins.match(text) is None:
            continue
        try:
            found = undo(text)
            body = unpacked(found, "", as_text=False)[0]
        except (ValueError, SyntaxError, RecursionError, NotRecorded):
            continue
        if is_plain(body) and is_well_formed(body) and (certain or len(found) in (sizes.plain, sizes.wire)):
            return body
    return None


def _text_in_json(text: str) -> bytes:
    found = json.loads(text)
    return found.encode("utf-8", "surrogatepass") if isinstance(found, str) else b""


def _literal(text: str) -> bytes:
    found = ast.literal_eval(text)
    return found if isinstance(found, bytes) else b""


def _without_chunks(text: str) -> bytes:
    data, pieces = text.encode("latin-1"), []
    while head := re.match(rb"([0-9a-fA-F]{1,8})[^\r\n]{0,40}\r?\n", data):
        size = int(head[1], 16)
        pieces.append(data[head.end() : head.end() + size])
        data = data[head.end() + size :].lstrip(b"\r\n")
    return b"".join(pieces)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], bytes], bool], ...] = (
    (re.compile(r"b['\"]"), _literal, True),
    (re.compile(r"(?:[0-9a-fA-F]{2}){2,}+\s*\Z"), bytes.fromhex, True),
    (re.compile(r"[0-9a-fA-F]{1,8}\s*\n\s*[\[{<]"), _without_chunks, True),
    (re.compile(r"HTTP/\d"), lambda text: re.split(r"\r?\n\r?\n", text, maxsplit=1)[-1].encode(), True),
    (re.compile(r"\s*[\[{<].{0,4}&(?:quot|#34|#x22);"), lambda text: html.unescape(text).encode(), False),
    (re.compile(r'\s*"'), _text_in_json, False),
)
"""How recorders write bytes: how such a text begins, how it is undone, whether nobody would have sent it so."""
