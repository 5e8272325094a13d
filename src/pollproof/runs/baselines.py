"""Baselines: what is known of a target, each with its reason and the day on which it is looked at again.

A known violation does not fail a run, and a clause that is known to stay unexercised does not make it inconclusive.
What is known must still be so: an entry whose clause held, that matches nothing or that has expired fails the run.
Flaky ones are kept apart. Pure: text, documents and the day come from outside.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from pollproof.errors import InputError
from pollproof.loading.errors import ContractError, fault, schema_fault
from pollproof.loading.identifiers import current
from pollproof.runs.outcome import Document
from pollproof.text import nearest

DAYS = 90
"""Days after which an entry that is written anew expires."""

_FAILING_STATES = ("stale", "unmatched", "expired")
"""States of an entry that fail a run."""


class BaselineError(InputError):
    """A baseline that cannot be used; the text is one sentence with its place."""


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """What is known of a clause and a target (`*` stands for anything in it), until the end of a day (UTC).

    `verdict` is the one that is known: violated, or unexercised.
    """

    clause: str
    target: str
    reason: str
    link: str
    expires: date
    flaky: bool
    verdict: str = "violated"

    def matches(self, target: str) -> bool:
        """Whether a report is about the target of this entry."""
        return re.fullmatch(".*".join(map(re.escape, self.target.split("*"))), target, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of a file, in their order."""

    file: str
    entries: tuple[BaselineEntry, ...]


def parse_baseline(text: str, file: str, schema: Mapping[str, Any]) -> Baseline:
    """The baseline that a text is. Raises `BaselineError`."""
    from jsonschema import Draft202012Validator

    try:
        data = _plain(tomllib.loads(text))
    except ValueError as error:  # also whole numbers beyond the digits that Python reads
        raise BaselineError(f"{file}: no TOML ({error})") from None
    except RecursionError:
        raise BaselineError(f"{file}: nested too deeply") from None
    entries: list[BaselineEntry] = []
    seen: dict[tuple[str, str], int] = {}
    try:
        errors = list(Draft202012Validator(schema).iter_errors(data))
        if errors:
            raise schema_fault(partial(fault, file, text), errors, data)
        for number, entry in enumerate(data.get("known", ())):
            place: list[str | int] = ["known", number]
            if not entry["reason"].strip():
                raise fault(file, text, [*place, "reason"], f"entry {number + 1} has no reason; say why it is known")
            try:
                expires = date.fromisoformat(entry["expires"])
            except ValueError:
                raise fault(file, text, [*place, "expires"], f"'{entry['expires']}' is not a day") from None
            key = (current(entry["clause"]), entry["target"])
            if key in seen:
                raise fault(file, text, place, f"entry {number + 1} says the same as entry {seen[key] + 1}")
            seen[key] = number
            link, flaky = entry.get("link", ""), entry.get("flaky", False)
            verdict = entry.get("verdict", "violated")
            entries.append(BaselineEntry(*key, entry["reason"].strip(), link, expires, flaky, verdict))
    except ContractError as error:
        raise BaselineError(str(error)) from None
    return Baseline(file, tuple(entries))


def _plain(value: Any) -> Any:
    """TOML with its days as texts, as the schema has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def mark_known(documents: Sequence[Document], baseline: Baseline, today: date) -> list[Document]:
    """The documents with the reason beside each clause of which the baseline knows that verdict."""
    return [
        {**document, "clauses": [_marked(document, clause, baseline, today) for clause in document["clauses"]]}
        for document in documents
    ]


def _marked(document: Document, clause: Document, baseline: Baseline, today: date) -> Document:
    for entry in baseline.entries:
        same = entry.clause == clause["id"] and entry.verdict == clause["verdict"]
        if same and entry.matches(document["target"]) and today <= entry.expires:
            if entry.verdict == "violated":
                return {**clause, "known": entry.reason}
            why = f"{clause.get('reason', '')} (accepted by the baseline: {entry.reason})".strip()
            return {**clause, "accepted": entry.reason, "reason": why}
    return clause


def judged(documents: Sequence[Document], baseline: Baseline, today: date, *, partial: bool = False) -> Document:
    """What became of each entry, and what is wrong with it; a `partial` run leaves other clauses than its own alone."""
    entries = []
    for number, entry in enumerate(baseline.entries):
        state, problem = _state(documents, entry, today, partial)
        summary: Document = {
            "clause": entry.clause,
            "target": entry.target,
            "reason": entry.reason,
            "link": entry.link or None,
            "expires": entry.expires.isoformat(),
            "flaky": entry.flaky,
            "state": state,
        }
        if entry.verdict != "violated":
            summary["verdict"] = entry.verdict
        if problem:
            summary["problem"] = f"{baseline.file}, entry {number + 1}: {problem}"
        entries.append(summary)
    return {"file": baseline.file, "entries": entries}


def _state(documents: Sequence[Document], entry: BaselineEntry, today: date, partial: bool) -> tuple[str, str]:
    """What became of one entry, and the sentence for it where that fails the run."""
    every = [(document, clause) for document in documents for clause in document["clauses"]]
    named = [(document, clause) for document, clause in every if clause["id"] == entry.clause]
    if not named:
        if partial:
            return "not judged", ""
        known = [clause["id"] for _, clause in every]
        return "unmatched", f"{entry.clause} is not a clause of what was judged{nearest(entry.clause, known)}"
    verdicts = [clause["verdict"] for document, clause in named if entry.matches(document["target"])]
    if not verdicts:
        judged_ = ", ".join(dict.fromkeys(document["target"] for document, _ in named))
        return "unmatched", f"its target {entry.target} is not what was judged, which is {judged_}"
    if today > entry.expires:
        return "expired", f"{entry.clause} was to be looked at again by {entry.expires.isoformat()}"
    if entry.flaky:
        return f"flaky, {verdicts[0]}", ""
    if entry.verdict in verdicts:
        return ("known" if entry.verdict == "violated" else "accepted"), ""
    if "held" in verdicts:
        return "stale", f"{entry.clause} held, so it is not {_words(entry.verdict)} any more; take the entry out"
    return verdicts[0], ""


def _words(verdict: str) -> str:
    return "a known violation" if verdict == "violated" else "unexercised"


def outcome_with(outcome: str, summary: Mapping[str, Any]) -> str:
    """The outcome of a run with what became of its baseline."""
    states = {entry["state"] for entry in summary["entries"]}
    if states.intersection(_FAILING_STATES):
        return "violated"
    return "inconclusive" if outcome == "passed" and "unexercised" in states else outcome


def entries_for(documents: Sequence[Document], today: date) -> str:
    """Entries for all violations that are not known yet, ready to be pasted into a baseline."""
    expires = (today + timedelta(days=DAYS)).isoformat()
    written = []
    for document in documents:
        for clause in document["clauses"]:
            if clause["verdict"] == "violated" and "known" not in clause:
                written.append(
                    "[[known]]\n"
                    f"clause = {_text(clause['id'])}\n"
                    f"target = {_text(document['target'])}\n"
                    f"reason = {_text('TODO: why this is known, and what will be done')}\n"
                    'link = ""\n'
                    f"expires = {expires}\n"
                )
    return "\n".join(written) if written else "# no violation that is not known\n"


def _text(value: str) -> str:
    """A text as TOML writes it: as JSON does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
