"""What is compared word by word: HTTP statuses, statuses of tasks, error codes, content types, waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pollproof.contract.model import Contract, Phase, Role
from pollproof.drift.counter import Occurrences
from pollproof.drift.findings import Finding, Seen, Severity, strong
from pollproof.drift.profile import NO_TYPE, QUEUED, Class, Profile
from pollproof.drift.response_class import UNREADABLE

FEW = 3
"""Tasks on either side from which on two different words of one meaning are no accident."""


def compare_words(old: Profile, new: Profile) -> Iterator[Finding]:
    """All findings about words."""
    yield from _bodies(old, new)
    yield from _responses(old, new)
    yield from _changes("http-status-changed", Severity.ERROR, "HTTP status", old.http, new.http)
    if old.typed and new.typed:  # a recording without any content type has lost its headers, not its types
        yield from _changes("content-type-changed", Severity.WARNING, "content-type", old.content, new.content)
    yield from _statuses(old, new)
    yield from _codes(old, new)
    yield from _waits(old, new)


def _changes(
    kind: str, severity: Severity, place: str, old: Mapping[Class, Occurrences], new: Mapping[Class, Occurrences]
) -> Iterator[Finding]:
    """Words of one kind of answer of which the new ones share none with the old, or of which one is surely new."""
    for name, situation in sorted(old.keys() & new.keys()):
        before, after = old[name, situation], new[name, situation]
        added = [text for text in after if text not in before]
        if not added or not len(before):
            continue
        first = min((after[text].first for text in added), key=lambda seen: seen.number)
        share = sum(after.share(text) for text in added)
        surely = after.apart_from(before) or strong(share, before.total)
        weight = severity if surely else Severity.INFO
        yield Finding(kind, weight, name, situation, place, before.names(), after.names(), "new", first)


def _bodies(old: Profile, new: Profile) -> Iterator[Finding]:
    """Answers that cannot be read any more: the type of the whole body has changed."""
    for (name, situation), seen in new.first.items():
        was = [kind for kind in old.classes if kind[0] == name and "[" not in kind[1]]
        if situation == UNREADABLE and was and (name, UNREADABLE) not in old.classes:
            yield Finding("type-changed", Severity.ERROR, name, situation, "", "readable", UNREADABLE, "new", seen)


def _responses(old: Profile, new: Profile) -> Iterator[Finding]:
    """Requests that both recordings have and whose classes of responses differ."""
    for name, request in sorted(old.responses.keys() & new.responses.keys()):
        before, after = old.responses[name, request], new.responses[name, request]
        words = (before.names(), after.names())
        for more, less, side in ((after, before, "new"), (before, after, "old")):
            added = [text for text in more if text not in less]
            if not added:
                continue
            kind = "sync-turned-async" if SYNC & {*added} and SYNC & {*less} else "response-class-changed"
            surely = more.apart_from(less) or strong(sum(more.share(text) for text in added), less.total)
            severity = Severity.ERROR if surely else Severity.INFO
            first = min((more[text].first for text in added), key=lambda seen: seen.number)
            yield Finding(kind, severity, name, request, "", *words, side, first)
            break


SYNC = frozenset({QUEUED, Phase.SUCCEEDED.value})
"""The classes of a response that queues a task and of one that brings its result."""


# ------------------------------------------------------------------------------- statuses and codes


def _statuses(old: Profile, new: Profile) -> Iterator[Finding]:
    contract = new.contract
    for name in sorted(old.statuses.keys() & new.statuses.keys()):
        before, after = old.statuses[name], new.statuses[name]
        place = _place(contract, name, "status")
        for text in after:
            if text not in before:
                known = _is_documented(contract, text)
                kind, severity = _first_seen("status", known)
                seen = after[text].first
                yield Finding(kind, severity, name, "", place, before.names(), text, "new", seen)
    for name, phase in sorted(old.meanings.keys() & new.meanings.keys()):
        before, after = old.meanings[name, phase], new.meanings[name, phase]
        # Many statuses may mean failure, each for another cause; how a task succeeds does not depend on the task.
        if phase != "failed" and after.apart_from(before) and min(before.tasks, after.tasks) >= FEW:
            seen = _first(after)
            place = _place(contract, name, "status")
            words = (before.names(), after.names())
            yield Finding("status-replaced", Severity.ERROR, name, phase, place, *words, "new", seen)


def _is_documented(contract: Contract, status: str) -> bool:
    known = contract.statuses.get(status)
    return known is not None and known.documented


def _first_seen(what: str, documented: bool) -> tuple[str, Severity]:
    return (f"{what}-first-seen", Severity.INFO) if documented else (f"{what}-new", Severity.ERROR)


def _codes(old: Profile, new: Profile) -> Iterator[Finding]:
    contract = new.contract
    changed: set[tuple[str, str]] = set()
    for name, situation in sorted(old.situations.keys() & new.situations.keys()):
        was, became = old.situations[name, situation], new.situations[name, situation]
        few = 1 if was.alone and became.alone else FEW
        if became.apart_from(was) and min(was.tasks, became.tasks) >= few:
            changed |= {(name, text) for text in became}
            words = (was.names(), became.names())
            place = _place(contract, name, "error_code")
            yield Finding("error-code-changed", Severity.ERROR, name, situation, place, *words, "new", _first(became))
    asked = {name for name, _ in old.classes}
    for name in sorted(asked & new.codes.keys()):
        before, after = old.codes.get(name, Occurrences()), new.codes[name]
        for text in after:
            if text not in before and (name, text) not in changed:
                kind, severity = _first_seen("error-code", text in contract.errors or not contract.errors)
                place = _place(contract, name, "error_code")
                yield Finding(kind, severity, name, "", place, before.names(), text, "new", after[text].first)


def _place(contract: Contract, name: str, what: str) -> str:
    """Where a contract says that a status or code stands."""
    operation = contract.operations[name]
    place = operation.status if what == "status" else operation.error_code
    if place is None:
        return ""
    if contract.body != "json":
        return "/".join(place.steps)
    return place.pointer if operation.role is not Role.CALLBACK or place.area == "body" else place.text


def _first(words: Occurrences) -> Seen:
    return min((words[text].first for text in words), key=lambda seen: seen.number)


# ---------------------------------------------------------------------------------------- Retry-After


def _waits(old: Profile, new: Profile) -> Iterator[Finding]:
    place = "retry-after"
    for kind in sorted(old.classes.keys() & new.classes.keys()):
        before, after = old.waits.get(kind), new.waits.get(kind)
        name, situation = kind
        if before is not None and after is not None:
            # One wait that is always the same is a rule; waits that vary count down to something.
            if len(before) == len(after) == 1 and after.apart_from(before):
                constant = min(before.total, after.total) >= 2
                severity = Severity.ERROR if constant else Severity.WARNING
                words = (before.names(), after.names())
                yield Finding("retry-after-changed", severity, name, situation, place, *words, "new", _first(after))
        elif before is not None and before.total == old.classes[kind]:
            seen = new.first[kind]
            words = (before.names(), NO_TYPE)
            yield Finding("retry-after-changed", Severity.WARNING, name, situation, place, *words, "new", seen)
        elif before is None and after is not None:
            words = (NO_TYPE, after.names())
            yield Finding("retry-after-changed", Severity.INFO, name, situation, place, *words, "new", _first(after))
