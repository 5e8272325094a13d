"""Files that are recordings of other tools: named for what they are, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DO = "export the traffic as HAR, or record it with vcrpy"

_MARKS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"info", "item"}), f"a Postman collection, which holds requests and no traffic; {_DO}"),
    (frozenset({"_type", "resources"}), f"an Insomnia workspace, which holds requests and no traffic; {_DO}"),
    (
        frozenset({"openapi", "paths"}),
        "an OpenAPI document; `pollproof new NAME --openapi FILE` makes a contract of one",
    ),
    (
        frozenset({"swagger", "paths"}),
        "an OpenAPI document; `pollproof new NAME --openapi FILE` makes a contract of one",
    ),
    (frozenset({"mappings"}), f"mappings of WireMock; {_DO}"),
    (frozenset({"consumer", "provider"}), f"a pact, which holds examples and no traffic; {_DO}"),
    (frozenset({"nodes", "edges"}), f"a graph of requests; {_DO}"),
)
"""Keys of documents and what they are a sign of."""

BINARY: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "an archive, as Fiddler saves sessions (.saz); export them as HAR"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture; convert it to HAR"),
    (b"\xa1\xb2\xc3\xd4", "a packet capture; convert it to HAR"),
    (b"\x0a\x0d\x0d\x0a", "a packet capture; convert it to HAR"),
    (b"bplist", "a property list, as Charles and Proxyman save sessions; export them as HAR"),
)
"""First bytes of files and what they are a sign of."""


def about(keys: Mapping[str, str], *, json: bool) -> str | None:
    """What a document with these keys (and their texts) is, None where nobody knows it."""
    if "http_interactions" in keys:
        by = keys.get("recorded_with", "")
        if by.lower().startswith("betamax") or (not by and json):
            return f"a cassette of Betamax{_version(by, '/')}, whose format is not read; record with vcrpy, or as HAR"
        return f"a cassette of Ruby VCR{_version(by, ' ')}, whose format is not read; record the traffic as HAR"
    return next((words for marks, words in _MARKS if marks <= keys.keys()), None)


def _version(recorded_with: str, mark: str) -> str:
    version = recorded_with.partition(mark)[2][:20]
    return f" {version}" if version.replace(".", "").isalnum() else ""


def about_list(first: Any) -> str:
    """What a document that is a list is, by its first element."""
    if isinstance(first, dict) and isinstance(first.get("host"), str) and "scheme" in first:
        return "a session of Charles in its own JSON; export it as HAR"
    return "not a recording: a list; expected an object with 'log' (HAR) or 'interactions' (a cassette)"


def is_old_cassette(first: Any) -> bool:
    """Whether a list that begins with this is a cassette of vcrpy before 1.0, which has no keys around it."""
    return isinstance(first, dict) and isinstance(first.get("request"), dict) and "response" in first
