"""Headers: the few that say something of a protocol stay, with values that are known; all others are dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pollproof.secrets.anonymize.forms import URL
from pollproof.secrets.anonymize.texts import Texts
from pollproof.secrets.dates import HTTP_DATE

_TYPES = """
    application/json application/problem+json application/ld+json application/vnd.api+json application/xml text/xml
    application/soap+xml text/html text/plain text/csv application/octet-stream application/x-www-form-urlencoded
    multipart/form-data application/javascript text/javascript image/png image/jpeg image/gif */* application/* text/*
    """

_MEDIA = frozenset(_TYPES.split())
_CHARSET = re.compile(r"(?i)charset=\"?(utf-8|utf-16|us-ascii|iso-8859-(?:1|2|15)|windows-125[0-9])\"?")
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,3})?")
_SCHEMES = frozenset({"basic", "bearer", "token", "apikey", "api-key", "digest"})

_TARGET = re.compile(r"<([^<>]*)>")
_LINK = r'\s*<[^<>]*>(?:\s*;\s*rel="?(?:next|prev|previous|first|last|self)"?)?\s*'
_LINKS = re.compile(f"{_LINK}(?:,{_LINK})*")

REQUEST = frozenset({"content-type", "accept", "soapaction"})
RESPONSE = frozenset({"content-type", "retry-after", "date", "location"})


class HeaderScrubber:
    """Scrubs headers. `read` are the names of those that the contract mentions, `credential` of the key's."""

    def __init__(self, texts: Texts, read: frozenset[str], credential: str) -> None:
        self._texts = texts
        self._read = read | {credential} - {""}
        self._credential = credential

    def request(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request that stay."""
        return self._chosen(headers, REQUEST | self._read)

    def response(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a response that stay."""
        return self._chosen(headers, RESPONSE | self._read)

    def _chosen(self, headers: Mapping[str, str], wanted: frozenset[str]) -> dict[str, str]:
        chosen: dict[str, str] = {}
        for name, value in headers.items():
            made = self._value(name.lower(), value) if name.lower() in wanted else None
            if made is None:
                self._texts.counts["headers"] += 1
            else:
                chosen[name.lower()] = made
        return chosen

    def _value(self, name: str, value: str) -> str | None:
        value = value.strip()
        if name in ("content-type", "accept"):
            return _media(value)
        if name == "date":
            return value if HTTP_DATE.fullmatch(value) else None
        if name == "retry-after":
            return value if _SECONDS.fullmatch(value) or HTTP_DATE.fullmatch(value) else self._texts.text(value)
        if name == self._credential or name == "authorization":
            return self.key(value)
        if name == "link" and _LINKS.fullmatch(value):
            return _TARGET.sub(lambda found: f"<{self._target(found[1])}>", value)
        if name.endswith("location") and value.startswith("/"):
            return self._target(value)
        return self._texts.text(value)

    def _target(self, target: str) -> str:
        """Where a link leads: a URL, or a path and a query."""
        return self._texts.text(target) if URL.fullmatch(target) else self._texts.addresses.relative(target)

    def key(self, value: str) -> str:
        """A header with a key in it: how it is written stays."""
        if value in self._texts.fixed or self._texts.vocabulary.knows(value):
            return self._texts.text(value)
        scheme, space, key = value.partition(" ")
        if space and scheme.lower() in _SCHEMES:
            return f"{scheme} {self._texts.text(key)}"
        return self._texts.text(value)


def _media(value: str) -> str:
    """The media types of a list that are known, with their charset; the type of plain bytes where none is."""
    kept = []
    for one in value.split(","):
        kind, *parameters = [part.strip() for part in one.split(";")]
        if kind.lower() in _MEDIA:
            kept.append("; ".join([kind, *[each for each in parameters if _CHARSET.fullmatch(each)]]))
    return ", ".join(kept[:8]) or "application/octet-stream"
