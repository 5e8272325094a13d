"""JSON recordings, entry by entry: the list of a HAR file or of a JSON cassette is read as a stream.

The streaming parsers that were measured keep the path of every value, which grows with the square of the depth: a
file of 200,000 brackets took all memory. So values are cut from a window of the text by Python's own JSON scanner,
which took 0.09 s for 6,000 entries of a HAR file where ijson (with yajl) took 0.11 to 0.21 s.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from pollproof.recordings.errors import RecordingError
from pollproof.recordings.foreign import about_list, is_old_cassette

CHUNK = 1 << 18
"""Bytes read at a time."""

MAXIMUM_ENTRY = 1 << 26
"""Characters of one entry: a response of 20 MB in base64 has less than half of them."""

LARGE = 1 << 22
"""Characters beyond which an entry is looked at before it is built: lists take twenty times the room of their text."""

MAXIMUM_COLLECTIONS = 2_000_000
_MAXIMUM_VALUES = 8_000_000
"""Lists and objects, and values between commas, in the text that a large entry is cut from."""

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_LISTS = {("log", "entries"): "har", ("entries",): "har", ("interactions",): "cassette"}
"""The places of the list in both formats; some exports of single sessions leave `log` out."""

MAXIMUM_KEYS = 100
"""Keys of a document that are looked at to tell what it is."""

_MAXIMUM_DIGITS = 4000
"""Digits of a number that Python turns into one."""


def _cut_short(text: str, error: json.JSONDecodeError) -> bool:
    """Whether a text is JSON as far as it goes."""
    rest = text[error.pos :].rstrip()
    return (
        not rest
        or error.msg.startswith("Unterminated")
        or any(word.startswith(rest) for word in ("true", "false", "null", "-", ".", "e-", "e+", "E-", "E+"))
        or (rest.startswith("u") and len(rest) < 12)  # in the middle of an escape, which may be half a character
    )


_CUT = "the file ends in the middle; it was cut short"
_decoder = json.JSONDecoder()
"""NaN and infinity, which are not JSON, stand in times of some recorders: they make one value unusable, no file."""


def read_number(digits: str) -> float:
    """A whole number of JSON; NaN for one of more digits than Python reads."""
    return int(digits) if len(digits) < _MAXIMUM_DIGITS else float("nan")


_patient = json.JSONDecoder(parse_int=read_number)
"""The same for a text with a number of so many digits that Python refuses to read it."""


class JsonEntries:
    """Reads one file; iterating gives each entry as plain data. `format` is `har` or `cassette` once it is known.

    `found` tells whether there was a list of entries at all; `metadata` is a cassette's, as far as it was read. `keys`
    are those of the document with their short texts, to tell what it is where it is not a recording.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self.format = ""
        self.metadata: Any = None
        self.found = False
        self.keys: dict[str, Any] = {}
        self._stream = stream
        self._name = name
        self._decode = codecs.getincrementaldecoder("utf-8")("strict").decode
        self._text = ""
        self._at = 0
        self._before = 0
        self._over = False
        self._count = 0

    def __iter__(self) -> Iterator[Any]:
        self._more()
        self._text = self._text.removeprefix("\ufeff")
        if self._peek() == "":
            raise RecordingError(self._name, "", "the file is empty")
        if self._peek() == "[":
            yield from self._bare_list()
        else:
            yield from self._table(())
        if self._peek() != "":
            lines = ", as in JSON Lines (.jsonl, .ndjson, .log)" if self._peek() == "{" else ""
            raise self._refuse(f"something follows the end of the JSON document{lines}")

    # ------------------------------------------------------------------------------------ the window

    def _more(self, size: int = CHUNK) -> bool:
        """Read on; false at the end of the file."""
        if self._over:
            return False
        try:
            chunk = self._stream.read(size)
            self._over = not chunk
            new = self._decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            raise self._refuse("the text is not UTF-8") from None
        self._before += self._at
        self._text = self._text[self._at :] + new
        self._at = 0
        return not self._over

    def _refuse(self, problem: str) -> RecordingError:
        place = f"after entry {self._count}" if self._count else f"character {self._before + self._at + 1}"
        return RecordingError(self._name, place, problem)

    def _peek(self) -> str:
        """The next character that is not white space, empty at the end of the file."""
        while True:
            blank = _SPACE.match(self._text, self._at)
            assert blank is not None
            self._at = blank.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self, wanted: str) -> str:
        """The next character, which must be one of these."""
        found = self._peek()
        if found == "":
            raise self._refuse(_CUT)
        if found not in wanted:
            raise self._refuse(f"no JSON: expected {' or '.join(wanted)}")
        self._at += 1
        return found

    def _value(self) -> Any:
        """The next value, whatever it is."""
        if self._peek() == "":
            raise self._refuse(_CUT)
        size = CHUNK
        while True:
            if len(self._text) - self._at > LARGE:
                self._weigh()
            try:
                try:
                    value, end = _decoder.raw_decode(self._text, self._at)
                except ValueError as error:
                    if isinstance(error, json.JSONDecodeError):
                        raise
                    value, end = _patient.raw_decode(self._text, self._at)
            except RecursionError:
                raise self._refuse("nested too deeply") from None
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._text) - 16 or error.msg.startswith("Unterminated")
                if not cut:
                    raise self._refuse(f"no JSON: {error.msg}") from None
                problem = _CUT if _cut_short(self._text, error) else f"no JSON: {error.msg}"
            except ValueError as error:
                raise self._refuse(f"no JSON: {str(error)[:80]}") from None
            else:
                if end < len(self._text) or self._over:  # a number at the end of the window may go on
                    self._at = end
                    return value
                problem = ""
            if len(self._text) - self._at > MAXIMUM_ENTRY:
                raise self._refuse(f"one entry of more than {MAXIMUM_ENTRY:,} characters")
            if not self._more(size) and problem:
                raise self._refuse(problem)
            size *= 2

    def _weigh(self) -> None:
        """Refuse a large value of which too much would have to be made."""
        bare = _STRING.sub("", self._text[self._at :])
        if bare.count("[") + bare.count("{") > MAXIMUM_COLLECTIONS or bare.count(",") > _MAXIMUM_VALUES:
            raise self._refuse("one entry with millions of lists, objects or values")

    # ---------------------------------------------------------------------------------- the document

    def _table(self, path: tuple[str, ...]) -> Iterator[Any]:
        if self._peek() not in ("{", ""):
            what = ".".join(path) or "the document"
            raise self._refuse(f"not a recording: expected {what} to be an object with 'log' or 'interactions'")
        self._take("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                self._take('"')
            key = self._value()
            self._take(":")
            here = (*path, key)
            if here in _LISTS and (self.format in ("", _LISTS[here])):
                if self.found:
                    raise self._refuse(f"'{key}' is there twice")
                self.format, self.found = _LISTS[here], True
                yield from self._list()
            elif here == ("log",) and not self.found:
                yield from self._table(here)
            else:
                value = self._value()
                if here == ("metadata",):
                    self.metadata = value
                if len(path) == 0 and len(self.keys) < MAXIMUM_KEYS:
                    self.keys[key] = value if isinstance(value, str) else ""
            if self._take(",}") == "}":
                return

    def _bare_list(self) -> Iterator[Any]:
        """The interactions of vcrpy's oldest format, or the entries of a HAR file; any other list is refused."""
        for value in self._list():
            if self._count == 1:
                if not is_old_cassette(value):
                    raise self._refuse(about_list(value))
                self.format, self.found = "har" if "startedDateTime" in value else "cassette", True
            yield value
        if not self.found:
            raise self._refuse(about_list(None))

    def _list(self) -> Iterator[Any]:
        if self._peek() not in ("[", ""):
            raise self._refuse("the entries must be a list")
        self._take("[")
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            value = self._value()
            self._count += 1
            yield value
            if self._take(",]") == "]":
                return
