"""Failures: why there was no answer, in words that are known; whatever else an exception said is left out."""

from __future__ import annotations

import re

UNKNOWN = "no answer"

_KNOWN = re.compile(
    r"no answer(?: in time)?"
    r"|the answer is larger than \d{1,9} bytes"
    r"|the connection was (?:refused|reset|closed without an answer|closed in the middle of the answer)"
    r"|the host name cannot be resolved"
    r"|its certificate is not trusted"
    r"|TLS failed"
    r"|the answer is not? HTTP(?: but TLS)?"
    r"|the answer, encoded with (?:gzip|x-gzip|deflate|br|zstd), ends early"
    r"|the answer says that it is encoded with (?:gzip|x-gzip|deflate|br|zstd), and it is not"
    r"|the answer is encoded with (?:br|zstd|compress|x-compress), which was not requested"
    r"|the answer has (?:\d+ different values of Content-Length|more than (?:\d encodings|one Content-Length)"
    r"|both Content-Length and Transfer-Encoding)"
    r"|the (?:Content-Length of the answer is (?:no|not a) number|headers of the answer cannot be read)"
    r"|a chunk of the answer has no size"
    r"|none came within \d{1,6}(?:\.\d{1,3})? s of real time"
    r"|the request was not sent"
)


def known_beginning(failure: str | None) -> str:
    """The beginning of a failure that is known, `no answer` for any other."""
    found = _KNOWN.match(failure or "")
    return found[0] if found else UNKNOWN
