"""Merging: documents of parts of one run to the document that the whole run would have given. Pure: no file, no clock.

Parts come in their order, which decides what stays where two are equal: of equally short evidence the earlier. A shard
is a document of every n-th part; it names which shard it is, and of every evidence the part that it is from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pollproof.errors import InputError
from pollproof.gate.scenario_notes import WRONG_STREAM, left_out
from pollproof.monitor.slack import nearest_to_limits
from pollproof.report.coverage import SORTS
from pollproof.runs.outcome import Document

Each = Mapping[str, Any]
"""A document, or an entry of one, that is only read."""

WORST_LAST = ("unexercised", "held", "violated")
"""Verdicts from best known to worst: the worst wins."""


def merge_parts(documents: Sequence[Each], places: Mapping[str, int] | None = None) -> Document:
    """One document of the parts of one run, without its outcome; the clauses are those of the first.

    Every part has every clause and every observation of its run. `places` are those of the parts that evidence names,
    where they decide which evidence stays.
    """
    first = documents[0]
    joined: Document = {
        **first,
        "outcome": "",
        "error": next((each["error"] for each in documents if each["error"]), None),
        "clock": ", ".join(dict.fromkeys(each["clock"] for each in documents if each["clock"])),
        "exchanges": sum(each["exchanges"] for each in documents),
        "examples": sum(each["examples"] for each in documents),
        "seconds": round(sum(each["seconds"] for each in documents), 3),
        "started": min(each.get("started", "") for each in documents),
        "cuts": [cut for each in documents for cut in each.get("cuts", ())],
        "deselected": first.get("deselected", 0),
        "tasks": {name: sum(each.get("tasks", {}).get(name, 0) for each in documents) for name in ("created", "ended")},
        "clauses": _clauses(documents, places or {}),
        "observations": _observations(documents),
        "notes": _notes(documents),
        "complete": all(each["complete"] for each in documents),
    }
    if "coverage" in first:
        joined["coverage"] = _coverage([each["coverage"] for each in documents if "coverage" in each])
    if "scenarios" in first:
        joined["scenarios"] = [scenario for each in documents for scenario in each["scenarios"]]
    if "slack" in first:
        joined["slack"] = nearest_to_limits([each.get("slack", []) for each in documents])
    if "recordings" in first:
        joined["recordings"] = _recordings([each["recordings"] for each in documents])
    return joined


def _notes(documents: Sequence[Each]) -> list[str]:
    """All notes, each once; what is about all scenarios together, or the first of several, is made anew."""
    collected = dict.fromkeys(
        note for each in documents for note in each["notes"] if note not in left_out(each.get("scenarios", ()))
    )
    astray = [note for note in collected if note.endswith(WRONG_STREAM)]
    others = [note for note in collected if note not in astray]
    return [*others, *left_out([scenario for each in documents for scenario in each.get("scenarios", ())]), *astray[:1]]


def _clauses(documents: Sequence[Each], places: Mapping[str, int]) -> list[Document]:
    collected: dict[str, list[Each]] = {clause["id"]: [] for clause in documents[0]["clauses"]}
    for document in documents:
        for clause in document["clauses"]:
            collected.setdefault(clause["id"], []).append(clause)
    return [_clause(entries, places) for entries in collected.values()]


def _clause(entries: Sequence[Each], places: Mapping[str, int]) -> Document:
    clause = {
        **entries[0],
        "verdict": max((entry["verdict"] for entry in entries), key=WORST_LAST.index),
        "exercised": sum(entry["exercised"] for entry in entries),
    }
    shown = [entry["violation"] for entry in entries if entry["violation"] is not None]
    if shown:
        shortest = min(shown, key=lambda shown: (len(shown["trace"]), places.get(shown.get("part", ""), 0)))
        clause["violation"] = {**shortest, "times": sum(violation["times"] for violation in shown)}
        clause |= next(({"hint": entry["hint"]} for entry in entries if "hint" in entry), {})
    if clause["verdict"] != WORST_LAST[0]:
        for name in ("reason", "cause", "not_run"):
            clause.pop(name, None)
    return clause


def _observations(documents: Sequence[Each]) -> list[Document]:
    collected: dict[str, list[Each]] = {entry["id"]: [] for entry in documents[0]["observations"]}
    for document in documents:
        for entry in document["observations"]:
            collected[entry["id"]].append(entry)
    return [_observation(entries) for entries in collected.values()]


def _observation(entries: Sequence[Each]) -> Document:
    seen = [entry["seen"] for entry in entries if entry["seen"] is not None]
    return {
        **entries[0],
        "count": sum(entry["count"] for entry in entries),
        "seen": [min(low for low, _ in seen), max(high for _, high in seen)] if seen else None,
    }


def _coverage(entries: Sequence[Each]) -> Document:
    """What the parts have seen, added up: all of them list the same in the same order."""
    return {sort: [_seen(same) for same in zip(*(entry[sort] for entry in entries), strict=False)] for sort in SORTS}


def _seen(entries: Sequence[Each]) -> Document:
    joined = {**entries[0], "seen": sum(entry["seen"] for entry in entries)}
    if joined["seen"]:
        joined.pop("would", None)
        joined.pop("excluded", None)
    return joined


def _recordings(entries: Sequence[Each]) -> Document:
    joined: Document = {}
    for name, value in entries[0].items():
        values = [entry[name] for entry in entries]
        if isinstance(value, list):
            joined[name] = [each for entry in values for each in entry]
        elif isinstance(value, dict):
            joined[name] = dict(sum((Counter(entry) for entry in values), Counter()))
        else:
            joined[name] = sum(values)
    return joined


class MergeError(InputError):
    """Documents that are not shards of one run; the text is one sentence."""


def as_shard(document: Each, number: int, of: int, parts: Sequence[str], wishes: Each) -> Document:
    """A document that names which shard of its run it is; `parts` are all of the run, in their order."""
    return {**document, "shard": {"number": number, "of": of, "parts": list(parts), "asked": dict(wishes)}}


def with_parts(document: Each, part_of: Callable[[Each], str]) -> Document:
    """The document with the part named wherever it shows a violation; `part_of` gives it for a violation."""
    clauses = [
        clause if clause["violation"] is None else _from_part(clause, part_of(clause["violation"]))
        for clause in document["clauses"]
    ]
    return {**document, "clauses": clauses}


def _from_part(clause: Each, part: str) -> Document:
    return {**clause, "violation": {**clause["violation"], "part": part}}


def merge_shards(documents: Sequence[Each]) -> Document:
    """The document, without its outcome, that the run had given had it not been run in shards.

    Raises `MergeError` for documents of different runs. Where a shard is missing or was given twice, a note names it,
    and the document is not complete.
    """
    for document in documents:
        if "shard" not in document:
            raise MergeError(f"the report of {document['target']} is not a shard; expected reports of --shard")
        _same_run(documents[0], document)
    first = documents[0]["shard"]
    given = Counter(document["shard"]["number"] for document in documents)
    by_number = {document["shard"]["number"]: document for document in documents}
    places = {name: place for place, name in enumerate(first["parts"])}
    result = merge_parts([by_number[number] for number in sorted(by_number)], places)
    del result["shard"]
    for clause in result["clauses"]:
        if clause["violation"] is not None:
            clause["violation"].pop("part", None)
    _sort(result, places)
    problems = []
    for number in range(1, first["of"] + 1):
        if given[number] != 1:
            what = f"was given {given[number]} times" if given[number] else "is missing"
            problems.append(f"shard {number} of {first['of']} {what}")
    result["complete"] = result["complete"] and not problems
    result["notes"] = [*problems, *result["notes"]]
    return result


def _same_run(one: Each, other: Each) -> None:
    """Raise `MergeError` where two shards are of different runs."""
    for name in ("pollproof", "mode", "provider"):
        if one[name] != other[name]:
            raise MergeError(
                f"shards of different runs: '{name}' is {one[name]!r} in one and {other[name]!r} in another"
            )
    first, second = one["shard"], other["shard"]
    wishes = {
        name: (first["asked"].get(name), second["asked"].get(name)) for name in {**first["asked"], **second["asked"]}
    }
    for name, (wish, also) in {"of": (first["of"], second["of"]), **wishes}.items():
        if wish != also:
            raise MergeError(f"shards of different runs: '{name}' is {wish!r} in one and {also!r} in another")
    if first["parts"] != second["parts"]:
        odd = sorted(set(first["parts"]).symmetric_difference(second["parts"]))
        raise MergeError(f"shards of different runs: not all of them know of {', '.join(odd[:3]) or 'the same order'}")
    clauses = [{clause["id"] for clause in each["clauses"] if "robustness" not in clause} for each in (one, other)]
    if clauses[0] != clauses[1]:
        raise MergeError("shards of different runs: they judge different clauses")


def _sort(document: Document, places: Mapping[str, int]) -> None:
    """Put what stands in the order of the parts into that order again."""
    if "scenarios" in document:
        document["scenarios"].sort(key=lambda scenario: places.get(scenario["name"], len(places)))
    for name in ("files", "ignored", "unread") if "recordings" in document else ():
        document["recordings"][name].sort(key=lambda file: places.get(file.partition(": ")[0], len(places)))
