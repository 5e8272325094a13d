"""What is compared field by field: which fields there are, and of which types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pollproof.drift.fields import Field, FieldPlace, FieldProfile
from pollproof.drift.findings import FEW, Difference, EntryReference, Severity, strong
from pollproof.drift.profile import UNKNOWN_KIND, Class

NULLS = frozenset({"null", "nil"})
"""The types of nothing, in JSON and in XML."""


class _Pair(NamedTuple):
    """One place in both recordings: what was seen of it, and in how many records it was missing there."""

    place: FieldPlace
    old: Field | None
    new: Field | None
    old_missing: int
    new_missing: int


class _Difference(NamedTuple):
    """A finding before it has its class of responses; `required` as the documents say of the field."""

    kind: str
    severity: Severity
    old: str
    new: str
    first: EntryReference | None
    required: bool
    side: str = "new"


def compare_fields(of: Class, old: FieldProfile, new: FieldProfile) -> Iterator[Difference]:
    """All findings about the fields of one class of responses."""
    gone: list[str] = []
    for place in sorted(old.places() | new.places(), key=lambda place: (place.pointer, str(place[1:]))):
        if any(place.pointer.startswith(above + "/") for above in gone):
            continue  # what is below a field that is gone, or new, is gone or new with it
        pair = _Pair(place, old.get(place), new.get(place), old.missing(place), new.missing(place))
        if pair.old is None or pair.new is None:
            gone.append(place.pointer)
        for found in _differences(pair):
            # The tasks may have been of other kinds where their creations are not in the recording.
            unsure = place.kind == UNKNOWN_KIND or (place.requested is None and not found.required)
            severity = Severity.INFO if unsure else found.severity
            assert found.first is not None, "what was seen was seen somewhere"
            yield Difference(found.kind, severity, *of, place.pointer, found.old, found.new, found.side, found.first)


def _differences(pair: _Pair) -> Iterator[_Difference]:
    _, before, after, was_missing, is_missing = pair
    if before is None:
        assert after is not None, "one recording has the place"
        if was_missing:  # else no response could have had it: another kind of task, say
            often = _often(after, is_missing)
            yield _Difference("field-new", Severity.INFO, "never there", often, after.first, after.required)
    elif after is None:
        share = before.held / (before.held + was_missing) if was_missing else 1.0
        if is_missing and strong(share, is_missing):
            often = _often(before, was_missing)
            yield _Difference(
                "field-gone", Severity.WARNING, often, "never there", before.first, before.required, "old"
            )
    else:
        yield from _types(pair.place, before, after)
        if is_missing and not was_missing:
            surely = before.required or strong(is_missing / (after.held + is_missing), before.types.tasks)
            severity = Severity.WARNING if surely else Severity.INFO
            words = _often(before, 0), _often(after, is_missing)
            yield _Difference("field-missing", severity, *words, after.first_missing, after.required)


def _often(found: Field, missing: int) -> str:
    whole = found.present + missing
    return f"in {found.present} of {whole}" if missing else f"in all of {whole}"


def _types(place: FieldPlace, before: Field, after: Field) -> Iterator[_Difference]:
    if before.anything or after.anything:
        return  # the documents let any type pass
    old, new = set(before.types), set(after.types)
    values, later = old - NULLS, new - NULLS
    words = (str(before.types), str(after.types))
    if values and later:
        numbers = {"integer", "number"} if values & {"integer", "number"} else set()  # the next may have a fraction
        added = later - values - numbers
        # Where the documents name both, the old recording has merely not seen the other one.
        undocumented = added - after.documented or (added and not values <= before.documented)
        if undocumented and (not {"text", "number"} & added or _surely_text(place, before, after)):
            yield _Difference("type-changed", Severity.ERROR, *words, after.types.first(added), after.required)
    elif values or later:  # one recording has nothing but null at a place, the other one a value each time
        documented = bool((before.documented | after.documented) & NULLS)
        rule = min(before.present, after.present) >= FEW and not documented
        if rule and not (later and new & NULLS):
            yield _Difference("type-changed", Severity.ERROR, *words, after.first, after.required)
            return
    if new & NULLS and not old & NULLS:
        few = before.types.tasks < FEW and bool(after.documented & NULLS)
        severity = Severity.INFO if few else Severity.WARNING
        yield _Difference("null-new", severity, *words, after.types.first(NULLS), after.required)


def _surely_text(place: FieldPlace, before: Field, after: Field) -> bool:
    """Whether text in XML surely was a number once and is none now: a single text may look like one by chance."""
    only = set(before.types) == {"number"} and set(after.types) <= {"text"}
    return only and not place.kind and min(before.present, after.present) >= FEW
