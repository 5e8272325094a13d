"""Contracts that extend another one: the tables of the two put together, before they are read."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from pollproof.contract.declared import NamedBy
from pollproof.contract.file import ContractFile
from pollproof.contract.templates import overlaid
from pollproof.loading.grammar import table_fields

NAMED_TABLES = {
    table.key: note.key for table in table_fields(ContractFile) for note in table.notes if isinstance(note, NamedBy)
}
"""The arrays of tables in which an entry stands for that of the same name, and the key of the name."""

_OWN_TABLES = ("passages", "slips")
"""What is said of the pages of one API alone, which nothing takes over."""


def with_arrays(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a contract with an array in place of each table of named entries."""
    arrays = {
        table: [{key: name, **entry} if isinstance(entry, dict) else entry for name, entry in entries.items()]
        for table, key in NAMED_TABLES.items()
        if isinstance(entries := tables.get(table), dict)
    }
    return {**tables, **arrays}


def place_in_file(own: Mapping[str, Any], path: Sequence[str | int], name: Any) -> list[str | int]:
    """Where an entry of an array stands in the file itself, which may have a table of them, or fewer; empty: nowhere.

    `own` are the tables as they stand in the file, `name` is that of the entry.
    """
    table = str(path[0])
    entries = own.get(table, ())
    if isinstance(entries, Mapping):
        return [table, name, *path[2:]] if name in entries else []
    names = [entry.get(NAMED_TABLES[table]) for entry in entries]
    return [table, names.index(name), *path[2:]] if name in names else []


def extend(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a contract that extends another one: what is its own stands for what the other has.

    Ids of clauses begin with the provider's own name. `omits` are ids of clauses, names of probes and variants, and
    keys of tables, such as errors.BUSY, that are not taken over, with * for any part; an empty table stands for none.
    """
    before, after = str(base["provider"]["name"]), str(own.get("provider", {}).get("name", base["provider"]["name"]))
    omits = [str(name) for name in own.get("omits", ())]
    taken = _kept({key: value for key, value in base.items() if key not in _OWN_TABLES}, "", omits)
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


def _kept(value: Any, path: str, omits: Sequence[str]) -> Any:
    """A copy of a value without the keys of its tables that are left out."""
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    inner = {key: f"{path}.{key}" if path else key for key in value}
    return {
        key: _kept(item, inner[key], omits)
        for key, item in value.items()
        if not any(fnmatch.fnmatchcase(inner[key], pattern) for pattern in omits)
    }


def _renamed(name: str, before: str, after: str) -> str:
    return f"{after}.{name.removeprefix(before + '.')}" if name.startswith(f"{before}.") else name
