"""Contracts that extend another one: the tables of the two put together, before they are read."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Mapping
from typing import Any

from pollproof.contract.templates import overlaid

NAMED_TABLES = {"clauses": "id", "probes": "name", "variants": "name", "unspecified": "name", "observations": "id"}
"""The arrays of tables in which an entry stands for that of the same name, and the key of the name."""

_OWN_TABLES = ("passages", "slips")
"""What is said of the pages of one API alone, which nothing takes over."""


def extend(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a contract that extends another one: what is its own stands for what the other has.

    Ids of clauses begin with the provider's own name. `omits` are ids of clauses and names of probes and variants that
    are not taken over, with * for any part; an empty table stands for none.
    """
    before, after = str(base["provider"]["name"]), str(own.get("provider", {}).get("name", base["provider"]["name"]))
    omits = [str(name) for name in own.get("omits", ())]
    taken = {key: copy.deepcopy(value) for key, value in base.items() if key not in _OWN_TABLES}
    for table, key in NAMED_TABLES.items():
        kept = []
        for entry in taken.get(table, ()):
            if str(entry.get(key, "")).startswith(f"{before}."):
                entry[key] = f"{after}.{str(entry[key]).removeprefix(before + '.')}"
            if not any(fnmatch.fnmatchcase(str(entry.get(key, "")), pattern) for pattern in omits):
                kept.append(entry)
        taken[table] = kept
    found: dict[str, Any] = overlaid(
        taken, {key: value for key, value in own.items() if key not in (*NAMED_TABLES, "omits", "extends")}
    )
    for table, key in NAMED_TABLES.items():
        entries = {entry.get(key) or f"# {number}": entry for number, entry in enumerate(taken.get(table, ()))}
        for number, entry in enumerate(own.get(table, ())):
            name = entry.get(key) or f"## {number}"
            entries[name] = {**entries.get(name, {}), **entry}
        if entries:
            found[table] = list(entries.values())
        else:
            found.pop(table, None)
    known = {_renamed(str(entry["id"]), before, after) for entry in base.get("clauses", ())}
    identifiers = {entry["id"] for entry in found.get("clauses", ())}
    for variant in found.get("variants", ()):
        named = [_renamed(name, before, after) for name in variant["clauses"]]
        variant["clauses"] = [name for name in named if "*" in name or name in identifiers or name not in known]
    found["variants"] = [variant for variant in found.get("variants", ()) if variant["clauses"]]
    return found


def _renamed(name: str, before: str, after: str) -> str:
    return f"{after}.{name.removeprefix(before + '.')}" if name.startswith(f"{before}.") else name
