"""Probes as they are seen from outside: whether a request is invalid in the way of a probe of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pollproof.contract.conditions import same
from pollproof.contract.model import Operation, Probe
from pollproof.contract.places import View, walk
from pollproof.contract.templates import steps_of


def recognises(probe: Probe, operation: Operation) -> Callable[[View], bool]:
    """Whether a request is wrong in the way of a probe: what it removes is missing, what it sets is there.

    The rest of it is the operation's own request: what a probe adds to that may be right in another request.
    """
    own = set(operation.request) if isinstance(operation.request, dict) else set()
    own -= {"*", *(steps_of(pointer)[0] for pointer in probe.remove)}
    removed = [steps_of(pointer) for pointer in probe.remove]
    placed = [(steps_of(pointer), value) for pointer, value in probe.set]
    repeated = None if probe.repeat is None else (steps_of(probe.repeat[0]), probe.repeat[1])

    def recognise(view: View) -> bool:
        if not isinstance(view.request, dict) or not own <= view.request.keys():
            return False
        for steps in removed:
            table = walk(view.request, tuple(steps[:-1]))
            if not isinstance(table, dict) or steps[-1] in table:
                return False
        if repeated is not None:
            entries = walk(view.request, tuple(repeated[0]))
            if not isinstance(entries, list) or len(entries) < repeated[1]:
                return False
        return all(_like(walk(view.request, tuple(steps)), value) for steps, value in placed)

    return recognise


def _like(value: Any, wanted: Any) -> bool:
    """Equal, or both arrays: a probe that sets an array is about its being there."""
    return same(value, wanted) or (isinstance(value, list) and isinstance(wanted, list))
