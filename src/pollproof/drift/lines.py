"""What of a comparison is said in words, for terminals and Markdown alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pollproof.monitor.slack import in_words
from pollproof.text import plural, printable

MAXIMUM_NAME = 120
"""Characters of a foreign name that are shown."""

OUTCOMES = {
    "unchanged": "no drift",
    "warned": "no drift, with warnings",
    "drifted": "drift",
    "nothing-compared": "nothing could be compared",
}
"""The outcomes in words."""


def plain(text: str) -> str:
    """A text from a foreign file in printable form, not too long."""
    return printable(text, MAXIMUM_NAME)


def where(finding: Mapping[str, Any]) -> str:
    """The operation, kind of answer and place of a finding."""
    answer = f", {finding['answer']}" if finding["answer"] else ""
    place = f" at {plain(finding['place'])}" if finding["place"] else ""
    return f"{finding['operation']}{plain(answer)}{place}"


def first(finding: Mapping[str, Any]) -> str:
    """The entry that first shows a finding."""
    seen = finding["first"]
    return f"{seen['recording']}: {plain(seen['file'])}, entry {seen['entry']}"


def counted(document: Mapping[str, Any]) -> str:
    """The numbers of findings and of what was compared."""
    counts = document["counts"]
    words = [
        plural(counts["error"], "error"),
        plural(counts["warning"], "warning"),
        f"{counts['info']} for information",
    ]
    compared = plural(len(document["compared"]), "kind") + " of answers compared"
    return f"{', '.join(words)}; {compared}"


def not_compared(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The kinds of answers that only one recording has."""
    return [f"{row['operation']}, {plain(row['answer'])}: {row['old']} in old, {row['new']} in new" for row in rows]


def observations(document: Mapping[str, Any]) -> list[str]:
    """What was observed and is not judged."""
    sides = {side: in_words(document[side]["slack"]) for side in ("old", "new")}
    slack = [f"slack, {side}: {words}" for side, words in sides.items()] if all(sides.values()) else []
    return slack + [
        f"{each['id']}: old {_range(each['old'])}, new {_range(each['new'])}. {each['text']}"
        for each in document["observations"]
        if each["old"] or each["new"]
    ]


def _range(seen: Mapping[str, Any] | None) -> str:
    if seen is None:
        return "nothing seen"
    return f"{seen['at_least']:g} to {seen['at_most']:g} s in {plural(seen['tasks'], 'task')}"
