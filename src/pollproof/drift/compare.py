"""Comparing two profiles: what both show is compared, what only one shows is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pollproof.contract.model import Contract, Phase, Role
from pollproof.drift.compare_fields import compare_fields
from pollproof.drift.findings import FEW, Difference, Severity, rank_difference, strong
from pollproof.drift.limits import compare_limits
from pollproof.drift.profile import NO_TYPE, QUEUED, Aspect, Class, Profile
from pollproof.drift.response_class import UNREADABLE
from pollproof.drift.words import Words

SYNC = frozenset({QUEUED, Phase.SUCCEEDED.value})
"""The classes of a response that queues a task and of one that brings its result."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two recordings compared. `shared` and `unshared` are response classes with their numbers in old and new."""

    old: Profile
    new: Profile
    findings: tuple[Difference, ...]
    shared: tuple[tuple[Class, int, int], ...]
    unshared: tuple[tuple[Class, int, int], ...]

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are."""
        return sum(finding.severity is severity for finding in self.findings)


def compare(old: Profile, new: Profile) -> Comparison:
    """Everything that differs between two profiles of one contract and that a smaller recording does not explain."""
    rows = [(of, old.classes[of], new.classes[of]) for of in sorted(old.classes.keys() | new.classes.keys())]
    shared = tuple(row for row in rows if row[1] and row[2])
    findings = sorted(_merged(_findings(old, new)), key=rank_difference)
    return Comparison(old, new, tuple(findings), shared, tuple(row for row in rows if row not in shared))


def _findings(old: Profile, new: Profile) -> Iterator[Difference]:
    yield from _bodies(old, new)
    yield from _changes(Aspect.HTTP, "http-status-changed", Severity.ERROR, "HTTP status", old, new)
    if all(any({*words} - {NO_TYPE} for words in side.words[Aspect.CONTENT].values()) for side in (old, new)):
        # A recording without any content type has lost its headers, not its types.
        yield from _changes(Aspect.CONTENT, "content-type-changed", Severity.WARNING, "content-type", old, new)
    yield from _changes(Aspect.RESPONSE, "response-class-changed", Severity.ERROR, "", old, new)
    replaced = [*_replaced(Aspect.MEANING, old, new), *_replaced(Aspect.REFUSAL, old, new)]
    yield from (finding for finding, _ in replaced)
    yield from _first_seen(Aspect.STATUS, old, new, set())
    yield from _first_seen(Aspect.CODE, old, new, {word for _, words in replaced for word in words})
    yield from _waits(old, new)
    for of in sorted(old.fields.keys() & new.fields.keys()):
        yield from compare_fields(of, old.fields[of], new.fields[of])
    yield from compare_limits(old.limits, new.limits)


def _merged(findings: Iterator[Difference]) -> list[Difference]:
    """One finding for each change, although several classes of responses show it."""
    merged: dict[tuple[object, ...], list[Difference]] = {}
    for finding in findings:
        key = (finding.kind, finding.severity, finding.operation, finding.place, finding.old, finding.new)
        merged.setdefault(key, []).append(finding)
    return [
        group[0]._replace(answer="; ".join(dict.fromkeys(finding.answer for finding in group)))
        for group in merged.values()
    ]


def _both(aspect: Aspect, old: Profile, new: Profile) -> Iterator[tuple[Class, Words, Words]]:
    """The words of what both recordings have."""
    before, after = old.words[aspect], new.words[aspect]
    return ((of, before[of], after[of]) for of in sorted(before.keys() & after.keys()))


def _bodies(old: Profile, new: Profile) -> Iterator[Difference]:
    """Responses that cannot be read any more: the type of the whole body has changed."""
    for (name, named), seen in new.first.items():
        was = [of for of in old.classes if of[0] == name and "[" not in of[1]]
        if named == UNREADABLE and was and (name, UNREADABLE) not in old.classes:
            yield Difference("type-changed", Severity.ERROR, name, named, "", "readable", UNREADABLE, "new", seen)


def _changes(
    aspect: Aspect, kind: str, severity: Severity, place: str, old: Profile, new: Profile
) -> Iterator[Difference]:
    """Words of which the new recording shares none with the old, or of which one is surely new.

    Of the responses to one request those that vanish matter as well as those that appear.
    """
    for of, before, after in _both(aspect, old, new):
        ways = [(after, before, "new"), (before, after, "old")]
        for more, less, side in ways if aspect is Aspect.RESPONSE else ways[:1]:
            added = more.beyond(less)
            if added and len(less):
                turned = aspect is Aspect.RESPONSE and SYNC & {*added} and SYNC & {*less}
                surely = more.apart_from(less) or strong(more.share(added), less.total)
                weight = severity if surely else Severity.INFO
                named = "sync-turned-async" if turned else kind
                yield Difference(named, weight, *of, place, str(before), str(after), side, more.first(added))
                break


def _replaced(aspect: Aspect, old: Profile, new: Profile) -> Iterator[tuple[Difference, set[tuple[str, str]]]]:
    """Words in the place of others, with the words that are new by it."""
    for of, before, after in _both(aspect, old, new):
        few = 1 if aspect is Aspect.REFUSAL and before.one_reason and after.one_reason else FEW
        # Many statuses may mean failure, each for another cause; how a task succeeds does not depend on the task.
        failed = aspect is Aspect.MEANING and of[1] == Phase.FAILED.value
        if not failed and after.apart_from(before) and min(before.tasks, after.tasks) >= few:
            kind, place = ("status-replaced", "status") if aspect is Aspect.MEANING else ("error-code-changed", "code")
            at, first = _place(new.contract, of[0], place), after.first()
            found = Difference(kind, Severity.ERROR, *of, at, str(before), str(after), "new", first)
            yield found, {(of[0], text) for text in after} if aspect is Aspect.REFUSAL else set()


def _first_seen(aspect: Aspect, old: Profile, new: Profile, but: set[tuple[str, str]]) -> Iterator[Difference]:
    """Statuses and codes that the old recording does not show; an error where the documents do not know them."""
    contract, is_status = new.contract, aspect is Aspect.STATUS
    known = {name for name, status in contract.statuses.items() if status.documented} if is_status else contract.errors
    comparable = old.words[aspect].keys() if is_status else {(name, "") for name, _ in old.classes}
    for of in sorted(comparable & new.words[aspect].keys()):
        before, after = old.words[aspect].get(of, Words()), new.words[aspect][of]
        for text in after.beyond(before):
            if (of[0], text) not in but:
                documented = text in known or not (is_status or known)
                kind = f"{'status' if is_status else 'error-code'}-{'first-seen' if documented else 'new'}"
                place = _place(contract, of[0], "status" if is_status else "code")
                severity = Severity.INFO if documented else Severity.ERROR
                yield Difference(kind, severity, *of, place, str(before), text, "new", after.first([text]))


def _place(contract: Contract, name: str, what: str) -> str:
    """Where a contract says that a status or code stands."""
    operation = contract.operations[name]
    place = operation.status if what == "status" else operation.error_code
    if place is None:
        return ""
    if contract.body != "json":
        return "/".join(place.steps)
    return place.pointer if operation.role is not Role.CALLBACK or place.area == "body" else place.text


def _waits(old: Profile, new: Profile) -> Iterator[Difference]:
    for of in sorted(old.classes.keys() & new.classes.keys()):
        before, after = (side.words[Aspect.WAIT].get(of, Words()) for side in (old, new))
        first, severity = new.first[of], None
        if len(before) and len(after):
            # One wait that is always the same is a rule; waits that vary count down to something.
            if len(before) == len(after) == 1 and after.apart_from(before):
                constant = min(before.total, after.total) >= 2
                first, severity = after.first(), Severity.ERROR if constant else Severity.WARNING
        elif len(before):
            severity = Severity.WARNING if before.total == old.classes[of] else None
        elif len(after):
            first, severity = after.first(), Severity.INFO
        if severity is not None:
            yield Difference("retry-after-changed", severity, *of, "retry-after", str(before), str(after), "new", first)
