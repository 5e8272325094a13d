"""What a run has seen of what a contract lets it see: statuses, transitions, deadline boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract, Role
from pollproof.monitor.coverage import CREATED, expected
from pollproof.monitor.ledger import Ledger

SORTS = {"statuses": "statuses", "transitions": "transitions", "deadlines": "deadline boundaries"}
"""The three sorts of coverage, and what they are called."""

_ROLES = {
    Role.CREATE: "a creation",
    Role.POLL: "a poll",
    Role.FETCH: "a request for a result",
    Role.BATCH: "a batch",
    Role.CALLBACK: "a callback",
    Role.CANCEL: "a cancellation",
    Role.DELETE: "a deletion",
    Role.OUTCOME: "the end of a client",
}


def coverage_of(contract: Contract, ledger: Ledger) -> dict[str, Any]:
    """What was seen of each status, transition and boundary; `would` is what would show one that was not."""
    seen = ledger.seen
    wanted = expected(contract, [entry.clause for entry in ledger.entries.values()])
    owner = {"provider": contract.name}
    statuses = [
        _known(owner | {"name": name, "phase": phase}, seen.statuses[name], f"a task that is polled while it is {name}")
        for name, phase in wanted.statuses
    ]
    transitions = [
        _known(owner | {"from": before, "to": after}, seen.transitions[before, after], _change(before, after))
        for before, after in wanted.transitions
    ]
    deadlines = []
    for identifier, side in wanted.sides:
        words = owner | {"clause": identifier, "limit": side.limit, "side": side.side}
        known = _known(words, seen.sides[identifier, side.side], side.would)
        deadlines.append(known | ({"excluded": side.excluded} if side.excluded and not known["seen"] else {}))
    return {"statuses": statuses, "transitions": transitions, "deadlines": deadlines}


def _known(words: dict[str, Any], seen: int, would: str) -> dict[str, Any]:
    return words | {"seen": seen} | ({} if seen else {"would": would})


def _change(before: str, after: str) -> str:
    if before == CREATED:
        return f"a task that is {after} at its first poll"
    return (
        f"a task that is polled on when it is {after}"
        if before == after
        else f"polls of a task that is {before}, then {after}"
    )


def name_of(sort: str, entry: Mapping[str, Any]) -> str:
    """One thing of the coverage in words."""
    if sort == "statuses":
        return str(entry["name"])
    if sort == "transitions":
        return f"{entry['from']} to {entry['to']}"
    return f"{entry['side']} the end of {entry['limit']} ({entry['clause']})"


def exercising(contract: Contract, clause: Clause) -> str:
    """What would exercise a clause, in a phrase."""
    for _, side in expected(contract, [clause]).sides:
        return side.would
    probe = getattr(clause.parameters, "probe", None)
    if probe is not None:
        return f"a deliberately invalid request ({probe})"
    if KINDS[clause.kind].exercised:
        return KINDS[clause.kind].exercised
    operation = contract.operations.get(getattr(clause.parameters, "operation", ""))
    if operation is not None:
        return f"{operation.name} with a response"
    return " or ".join(dict.fromkeys(_ROLES[role] for role in KINDS[clause.kind].roles))
