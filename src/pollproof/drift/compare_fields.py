"""What is compared field by field: which fields there are, and of which types."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.drift.fields import Field, Fields, Place, enough_tasks
from pollproof.drift.findings import Finding, Severity, strong
from pollproof.drift.profile import UNKNOWN_SORT, Class

NULLS = frozenset({"null", "nil"})
"""The types of nothing, in JSON and in XML."""

FEW = 3
"""Answers on either side from which on a value that is always null, or never, is so by rule."""


def compare_fields(kind: Class, old: Fields, new: Fields) -> Iterator[Finding]:
    """All findings about the fields of one kind of answer."""
    places = sorted(old.places.keys() | new.places.keys(), key=lambda place: (place.pointer, str(place[1:])))
    gone: list[str] = []
    for place in places:
        if any(place.pointer.startswith(above + "/") for above in gone):
            continue  # what is below a field that is gone, or new, is gone or new with it
        before, after = old.places.get(place), new.places.get(place)
        if before is not None and after is not None and before.present and after.present:
            yield from _types(kind, place, before, after)
            yield from _missing(kind, place, before, after)
        elif before is not None and before.present:
            gone.append(place.pointer)
            yield from _gone(kind, place, before, after, new)
        elif after is not None and after.present:
            gone.append(place.pointer)
            yield from _new(kind, place, after, old)


def _finding(
    what: str, severity: Severity, kind: Class, place: Place, old: str, new: str, found: Field, side: str = "new",
    *, missing: bool = False,
) -> Finding:  # fmt: skip
    if place.sort == UNKNOWN_SORT or (place.asked is None and not found.required):
        severity = Severity.INFO  # the tasks may have been of other sorts: their creations are not in the recording
    first = found.first_missing if missing else found.first
    assert first is not None, "what was seen was seen somewhere"
    return Finding(what, severity, *kind, place.pointer, old, new, side, first)


# ------------------------------------------------------------------------------------- there or not


def _gone(kind: Class, place: Place, before: Field, after: Field | None, new: Fields) -> Iterator[Finding]:
    chances = after.missing if after is not None else new.chances(place)
    if not chances:
        return  # no answer could have had it: another sort of task, say
    if before.always or strong(before.present / (before.present + before.missing), chances):
        yield _finding("field-gone", Severity.WARNING, kind, place, _often(before), "never there", before, "old")


def _new(kind: Class, place: Place, after: Field, old: Fields) -> Iterator[Finding]:
    if old.chances(place):
        yield _finding("field-new", Severity.INFO, kind, place, "never there", _often(after), after)


def _missing(kind: Class, place: Place, before: Field, after: Field) -> Iterator[Finding]:
    if not before.always or not after.missing:
        return
    share = after.missing / (after.present + after.missing)
    surely = before.required or strong(share, enough_tasks(before))
    severity = Severity.WARNING if surely else Severity.INFO
    yield _finding("field-missing", severity, kind, place, _often(before), _often(after), after, missing=True)


def _often(found: Field) -> str:
    whole = found.present + found.missing
    return f"in all of {whole}" if not found.missing else f"in {found.present} of {whole}"


# --------------------------------------------------------------------------------------------- types


def _types(kind: Class, place: Place, before: Field, after: Field) -> Iterator[Finding]:
    if before.anything or after.anything:
        return  # the documents let any type pass
    old, new = set(before.types), set(after.types)
    values, later = old - NULLS, new - NULLS
    words = (before.types.names(), after.types.names())
    if values and later:
        added = {text for text in later - values if not _covered(text, values)}
        # Where the documents name both, the old recording has merely not seen the other one.
        if added - after.lawful or (added and not values <= before.lawful):
            if not {"text", "number"} & added or _surely_text(place, before, after):
                yield _finding("type-changed", Severity.ERROR, kind, place, *words, _first(after, added))
    elif values or later:
        yield from _nothing(kind, place, before, after, bool(later))
        return
    if new & NULLS and not old & NULLS:
        yield from _null(kind, place, before, after)


def _covered(text: str, values: set[str]) -> bool:
    """A whole number is a number, and the next task may have one with a fraction."""
    return text in ("integer", "number") and bool(values & {"integer", "number"})


def _surely_text(place: Place, before: Field, after: Field) -> bool:
    """Whether text in XML surely was a number once and is none now: a single text may look like one by chance."""
    only = set(before.types) == {"number"} and set(after.types) <= {"text"}
    return only and not place.sort and min(before.present, after.present) >= FEW


def _null(kind: Class, place: Place, before: Field, after: Field) -> Iterator[Finding]:
    few = enough_tasks(before) < FEW and bool(after.lawful & NULLS)
    severity = Severity.INFO if few else Severity.WARNING
    words = (before.types.names(), after.types.names())
    yield _finding("null-new", severity, kind, place, *words, _first(after, NULLS))


def _nothing(kind: Class, place: Place, before: Field, after: Field, filled: bool) -> Iterator[Finding]:
    """One recording has nothing but null at a place, the other one a value each time."""
    words = (before.types.names(), after.types.names())
    documented = bool((before.lawful | after.lawful) & NULLS)
    rule = min(before.present, after.present) >= FEW and not documented
    if rule and not (filled and set(after.types) & NULLS):
        yield _finding("type-changed", Severity.ERROR, kind, place, *words, after)
    elif not filled:
        yield from _null(kind, place, before, after)


def _first(found: Field, types: set[str] | frozenset[str]) -> Field:
    """The field as the first answer with one of these types shows it."""
    seen = min((found.types[text].first for text in found.types if text in types), key=lambda seen: seen.number)
    return Field(first=seen, required=found.required)
