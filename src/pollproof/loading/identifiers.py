"""The permanent ids of clauses, from `contracts/ids.lock`: an id is never given twice, and a renamed one is found.

A line is an id, the version that first had it, the subject and the kind of its clause, and for an id that is no longer
in use either `-> NEW` (it was renamed) or `withdrawn`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pollproof.bundled import folder
from pollproof.contract.model import Clause
from pollproof.errors import InputError

FILE = "ids.lock"

_LINE = re.compile(
    r"(?P<id>\S+) (?P<since>\S+) (?P<subject>\S+) (?P<kind>\S+)(?: (?P<gone>withdrawn)| -> (?P<now>\S+))?"
)
_WORD = re.compile(r"[\w.-]+")


class IdentifierError(InputError):
    """A lock file that cannot be read; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One id that was ever given. `now` is the id that took its place, `withdrawn` that nothing did."""

    id: str
    since: str
    subject: str
    kind: str
    now: str = ""
    withdrawn: bool = False

    @property
    def live(self) -> bool:
        """Whether a clause has this id today."""
        return not self.now and not self.withdrawn

    def __str__(self) -> str:
        end = f" -> {self.now}" if self.now else " withdrawn" if self.withdrawn else ""
        return f"{self.id} {self.since} {self.subject} {self.kind}{end}"


def read_identifiers(text: str) -> list[Identifier]:
    """The ids of a lock file, in its order; raises `IdentifierError`."""
    found: list[Identifier] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise IdentifierError(f"{FILE}, line {number}: expected 'ID VERSION SUBJECT KIND [-> NEW | withdrawn]'")
        found.append(
            Identifier(
                match["id"], match["since"], match["subject"], match["kind"], match["now"] or "", bool(match["gone"])
            )
        )
    return found


def faults(identifiers: Iterable[Identifier], clauses: Iterable[Clause], version: str) -> list[str]:
    """What is wrong between the ids that were given and the clauses that there are, in sentences."""
    found: list[str] = []
    known: dict[str, Identifier] = {}
    for entry in identifiers:
        if entry.id in known:
            found.append(f"{entry.id} was given twice")
        known[entry.id] = entry
    present = {clause.id: clause for clause in clauses}
    for clause in present.values():
        line = Identifier(clause.id, version, clause.subject.value, clause.kind)
        known_entry = known.get(clause.id)
        if known_entry is None:
            found.append(f"{clause.id} is new; add the line: {line}")
        elif not known_entry.live:
            found.append(f"{clause.id} was {'renamed' if known_entry.now else 'withdrawn'}, and is not given again")
        elif (known_entry.subject, known_entry.kind) != (line.subject, line.kind):
            was = f"{known_entry.subject}, {known_entry.kind}"
            found.append(f"{clause.id} meant something else ({was}); a clause of another meaning has an id of its own")
    for entry in known.values():
        if entry.live and entry.id not in present:
            found.append(f"{entry.id} has no clause; say '-> NEW' or 'withdrawn' in its line, and keep the line")
        if entry.now and (entry.now not in known or _end(entry.id, known) is None):
            found.append(f"{entry.id} leads to {entry.now}, where no clause is")
    return found


def lost(older: Iterable[Identifier], newer: Iterable[Identifier]) -> list[str]:
    """The ids that an older lock file had and a newer one has not: none may ever go."""
    kept = {entry.id for entry in newer}
    return [entry.id for entry in older if entry.id not in kept]


def _end(identifier: str, known: Mapping[str, Identifier]) -> str | None:
    """Where a chain of renamings leads; None where that is nowhere."""
    seen: set[str] = set()
    while identifier in known and identifier not in seen:
        entry = known[identifier]
        if entry.live:
            return identifier
        seen.add(identifier)
        identifier = entry.now
    return None


@cache
def aliases() -> Mapping[str, str]:
    """The ids that were renamed, with the ids that they have today."""
    known = {entry.id: entry for entry in read_identifiers((folder("contracts") / FILE).read_text(encoding="utf-8"))}
    ends = {name: _end(name, known) for name, entry in known.items() if entry.now}
    return {name: end for name, end in ends.items() if end is not None}


def current(text: str) -> str:
    """A clause id, or an expression over ids, with those of today in place of renamed ones."""
    known = aliases()
    return _WORD.sub(lambda match: known.get(match[0], match[0]), text)
