"""Failures: why there was no response, in words that are known; whatever else an exception said is left out."""

from __future__ import annotations

import re

UNKNOWN = "no response"

_KNOWN = re.compile(
    r"no (?:response|answer)(?: in time)?"
    r"|the (?:response|answer) is larger than \d{1,9} bytes"
    r"|the connection was (?:refused|reset|closed (?:without an?|in the middle of the) (?:response|answer))"
    r"|the host name cannot be resolved"
    r"|its certificate is not trusted"
    r"|TLS failed"
    r"|the (?:response|answer) is not? HTTP(?: but TLS)?"
    r"|the (?:response|answer), encoded with (?:gzip|x-gzip|deflate|br|zstd), ends early"
    r"|the (?:response|answer) says that it is encoded with (?:gzip|x-gzip|deflate|br|zstd), and it is not"
    r"|the (?:response|answer) is encoded with (?:br|zstd|compress|x-compress), which was not requested"
    r"|the (?:response|answer) has (?:\d+ different values of Content-Length|both Content-Length and Transfer-Encoding"
    r"|more than (?:\d encodings|one Content-Length))"
    r"|the Content-Length of the (?:response|answer) is (?:no|not a) number"
    r"|the headers of the (?:response|answer) cannot be read"
    r"|a chunk of the (?:response|answer) has no size"
    r"|none came within \d{1,6}(?:\.\d{1,3})? s of real time"
    r"|the request was not sent"
)


def known_beginning(failure: str | None) -> str:
    """The beginning of a failure that is known, `no response` for any other."""
    found = _KNOWN.match(failure or "")
    return found[0] if found else UNKNOWN
