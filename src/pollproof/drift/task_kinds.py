"""Kinds of tasks: tasks of one kind have results of one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.contract.conditions import compile_any
from pollproof.contract.model import Contract, Operation, Role
from pollproof.contract.places import MISSING, View, follow_steps
from pollproof.drift.words import shown_word

BY_VALUE = ("in", "equals", "prefix")
"""Comparisons with which a contract tells kinds apart by a value, rather than by whether there is one."""


class TaskKinds:
    """Names the kind of a task by its request: the contract's kind, and the words that every task must have."""

    def __init__(self, contract: Contract) -> None:
        kinds = contract.kinds.values()
        self._kinds = [(kind.name, compile_any(kind.when)) for kind in kinds if kind.when]
        self._other = next((kind.name for kind in kinds if not kind.when), "")
        by_value = {
            condition.at.steps
            for kind in kinds
            for condition in kind.when
            if condition.at.part == "request" and condition.at.area == "body" and condition.comparison in BY_VALUE
        }
        key = contract.credential.at
        keys = {key.steps} if key is not None and key.area == "body" else set()
        self._by_value = sorted(by_value)
        self._places = {
            operation.name: sorted(by_value | set(_required(contract, operation)) - keys)
            for operation in contract.operations.values()
            if operation.role in (Role.CREATE, Role.BATCH)
        }

    def _kind(self, request: Any) -> str:
        view = View(request, MISSING, {}, {}, {}, None)
        return next((name for name, matches in self._kinds if matches(view)), self._other)

    def shown(self, request: Any) -> str:
        """The kind of task that a request creates: only the words by which the contract tells kinds apart are in it."""
        values = [follow_steps(request, steps) for steps in self._by_value]
        return " ".join(
            [self._kind(request) or "a task", *(shown_word(value) for value in values if type(value) is str)]
        )

    def exact(self, operation: Operation, request: Any) -> str:
        """The kind of a task with all words of its request that its result may depend on; not to be shown."""
        words = [str(follow_steps(request, steps)) for steps in self._places.get(operation.name, ())]
        return " ".join([operation.name, self._kind(request), *words])


def _required(contract: Contract, operation: Operation) -> list[tuple[str, ...]]:
    """The strings that a request must have below its first level: there they name the kind of task."""
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
