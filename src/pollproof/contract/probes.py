"""Probes as they are seen from outside: whether a request is invalid in the way of a probe of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pollproof.contract.conditions import same
from pollproof.contract.model import Operation, Probe, Role
from pollproof.contract.places import View, follow_steps
from pollproof.contract.templates import steps_of


def recognises(probe: Probe, operation: Operation) -> Callable[[View], bool]:
    """Whether a request is wrong in the way of a probe: what it removes is missing, what it sets is there.

    The rest of it is the operation's own request: what a probe adds to that may be right in another request. A batch
    that has its entries elsewhere, as one of the alternatives has them, can be wrong in the same way.
    """
    removed = [steps_of(pointer) for pointer in probe.remove]
    placed = [(steps_of(pointer), value) for pointer, value in probe.set]
    ways = _ways(probe, operation)
    headers = [(name.lower(), text) for name, text in probe.headers]
    in_body = bool(removed or placed or probe.repeat)

    def recognise(view: View) -> bool:
        request = view.request
        if any(view.request_headers.get(name, "") != text for name, text in headers):
            return False
        if any(view.path.get(f"?{name}", "") != text for name, text in probe.query):
            return False
        if not in_body:
            return True
        if not isinstance(request, dict):
            return False
        if not any(own <= request.keys() and _is_long(request, repeated) for own, repeated in ways):
            return False
        for steps in removed:
            table = follow_steps(request, tuple(steps[:-1]))
            if not isinstance(table, dict) or steps[-1] in table:
                return False
        return all(_like(follow_steps(request, tuple(steps)), value) for steps, value in placed)

    return recognise


_Repeated = tuple[tuple[str, ...], int] | None
"""The steps to an array, and how many entries it has at least; None where a probe makes no array longer."""


def _ways(probe: Probe, operation: Operation) -> list[tuple[set[str], _Repeated]]:
    """The ways of making a request: what each has, and the array that the probe makes longer in it."""
    own = set(operation.request) if isinstance(operation.request, dict) else set()
    own -= {"*", *(steps_of(pointer)[0] for pointer in probe.remove)}
    repeated: _Repeated = None if probe.repeat is None else (tuple(steps_of(probe.repeat[0])), probe.repeat[1])
    ways = [(own, repeated)]
    if operation.role is not Role.BATCH or probe.remove or (repeated is not None and len(repeated[0]) > 1):
        return ways
    known = {*own, *(steps_of(pointer)[0] for pointer, _ in probe.set)}
    for body in operation.alternatives:
        arrays = [name for name, value in body.items() if isinstance(value, list)]
        if len(arrays) == 1 and arrays[0] not in known:
            ways.append(({arrays[0]}, repeated and ((arrays[0],), repeated[1])))
    return ways


def _is_long(request: Any, repeated: _Repeated) -> bool:
    if repeated is None:
        return True
    entries = follow_steps(request, repeated[0])
    return isinstance(entries, list) and len(entries) >= repeated[1]


def _like(value: Any, wanted: Any) -> bool:
    """Equal, or both arrays: a probe that sets an array is about its being there."""
    return same(value, wanted) or (isinstance(value, list) and isinstance(wanted, list))
