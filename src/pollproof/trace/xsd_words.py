"""Simple types of an XSD in words: what a value may be, for messages."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

XSD = "http://www.w3.org/2001/XMLSchema"

_WHOLE = frozenset({"integer", "int", "long", "short", "byte", "positiveInteger", "negativeInteger"})
_UNSIGNED = frozenset({"unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte", "nonNegativeInteger"})
_BASES = {
    "decimal": "a number", "double": "a number", "float": "a number", "boolean": "true or false",
    "dateTime": "a date and time", "date": "a date",
}  # fmt: skip
_MAXIMUM_LISTED = 12
"""Values of an enumeration that a message lists."""


def describe_type(known: Mapping[str, etree._Element], kind: str | etree._Element) -> str:
    """What a simple type (its name, or its declaration) lets through, in words; empty where there are none for it."""
    if isinstance(kind, str):
        name = kind.rpartition(":")[2]
        if name in known:
            return describe_type(known, known[name])
        return _number_in_words(name, {}) or _BASES.get(name, "")
    union, restriction = kind.find(f"{{{XSD}}}union"), kind.find(f"{{{XSD}}}restriction")
    if union is not None:
        members: list[str | etree._Element] = [*union.get("memberTypes", "").split()]
        members += union.findall(f"{{{XSD}}}simpleType")
        return " or ".join(dict.fromkeys(filter(None, (describe_type(known, member) for member in members))))
    if restriction is None:
        return ""
    facets: dict[str, list[str]] = {}
    for facet in restriction:
        if isinstance(facet.tag, str):
            facets.setdefault(etree.QName(facet).localname, []).append(facet.get("value", ""))
    values = facets.get("enumeration", [])
    if values:
        more = f" and {len(values) - _MAXIMUM_LISTED} more" if len(values) > _MAXIMUM_LISTED else ""
        listed = ", ".join(map(repr, values[:_MAXIMUM_LISTED]))
        return f"one of {listed}{more}" if len(values) > 1 else listed
    base = restriction.get("base", "").rpartition(":")[2]
    number = _number_in_words(base, facets)
    if number:
        return number
    if "pattern" in facets:
        return f"text of the form {' or '.join(facets['pattern'])}"
    return describe_type(known, base)


def _number_in_words(base: str, facets: Mapping[str, list[str]]) -> str:
    if base not in _WHOLE | _UNSIGNED | {"decimal"}:
        return ""
    what = "a number" if base == "decimal" else "a whole number"
    least = facets.get("minInclusive", ["0" if base in _UNSIGNED else ""])[0]
    most = facets.get("maxInclusive", [""])[0]
    if least and most:
        return f"{what} from {least} to {most}"
    return f"{what} of at least {least}" if least else f"{what} of at most {most}" if most else what
