"""Sorts of tasks: tasks of one sort have results of one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.contract.conditions import compile_any
from pollproof.contract.model import Contract, Operation, Role
from pollproof.contract.places import MISSING, View, walk
from pollproof.drift.counter import word

TELLING = ("in", "equals", "prefix")
"""Comparisons with which a contract tells kinds apart by a value, rather than by whether there is one."""


class Sorts:
    """Tells the sort of a task by what it was asked for: its kind, and the words that every task must have."""

    def __init__(self, contract: Contract) -> None:
        self._kinds = [(kind.name, compile_any(kind.when)) for kind in contract.kinds.values() if kind.when]
        self._other = next((kind.name for kind in contract.kinds.values() if not kind.when), "")
        places = {
            condition.at.steps
            for kind in contract.kinds.values()
            for condition in kind.when
            if condition.at.part == "request" and condition.at.area == "body" and condition.comparison in TELLING
        }
        self._telling = sorted(places)
        key = contract.credential.at
        keys = {key.steps} if key is not None and key.area == "body" else set()
        self._places = {
            operation.name: sorted(places | set(_required(contract, operation)) - keys)
            for operation in contract.operations.values()
            if operation.role in (Role.CREATE, Role.BATCH)
        }

    def request(self, request: Any) -> str:
        """What kind of task a request asks for: only the words by which the contract tells kinds apart are in it."""
        view = View(request, MISSING, {}, {}, {}, None)
        kind = next((name for name, matches in self._kinds if matches(view)), self._other)
        told = [walk(request, steps) for steps in self._telling]
        return " ".join([kind or "a task", *(word(value) for value in told if type(value) is str)])

    def name(self, operation: Operation, request: Any) -> str:
        """The sort of a task that this request asks for."""
        view = View(request, MISSING, {}, {}, {}, None)
        kind = next((name for name, matches in self._kinds if matches(view)), self._other)
        words = [str(walk(request, steps)) for steps in self._places.get(operation.name, ())]
        return " ".join([operation.name, kind, *words])


def _required(contract: Contract, operation: Operation) -> list[tuple[str, ...]]:
    """The strings that a request must have below its first level: there they say what kind of task it is."""
    schema = None if operation.request_schema is None else contract.schemas[operation.request_schema]
    found: list[tuple[str, ...]] = []

    def visit(node: Any, steps: tuple[str, ...]) -> None:
        if not isinstance(node, Mapping) or len(steps) > 3:
            return
        for name in node.get("required", ()):
            inner = (node.get("properties") or {}).get(name)
            if isinstance(inner, Mapping) and inner.get("type") == "string" and steps:
                found.append((*steps, name))
            visit(inner, (*steps, name))

    visit(schema, ())
    return found
