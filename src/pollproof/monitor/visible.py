"""Requests that are visibly invalid although nobody marked them as probes: recordings may show that they were taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pollproof.contract.model import Contract, Operation
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.contract.probes import recognises
from pollproof.trace.bodies import Unreadable
from pollproof.trace.events import Event

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class VisibleFaults:
    """Finds what is invalid in a request, by the names of the probes that are invalid in the same way.

    `header` is the one that shows the key, in lower case; empty where none does.
    """

    def __init__(self, contract: Contract) -> None:
        key = contract.credential.at
        self._required = {
            name: [compile_place(place) for place in operation.required]
            for name, operation in contract.operations.items()
        }
        self.header = key.steps[0].lower() if key is not None and key.area == "header" else ""
        self._keyed = frozenset(name for name, operation in contract.operations.items() if key in operation.required)
        self._probes = [
            (probe.operation, probe.name, recognises(probe, contract.operations[probe.operation]))
            for probe in contract.probes
        ]

    def of(self, event: Event) -> Iterator[str]:
        """The probes that an event, which nobody marked as one, is like; mostly none."""
        operation: Operation = event.operation
        headers = event.exchange.request.headers
        keyless = bool(self.header) and self.header not in headers and operation.name in self._keyed
        if not event.request_errors and not keyless and type(event.request) is not Unreadable:
            return
        if type(event.request) is Unreadable and event.request_errors:
            yield "malformed"
            return
        view = View(event.request, MISSING, _NOTHING, headers, _NOTHING, None)
        for read in self._required.get(operation.name, ()):
            if read(view) in (MISSING, None):
                yield "missing-field"
                break
        if not event.request_errors:
            return
        for name, probe, is_like in self._probes:
            if name == operation.name and is_like(view):
                yield probe
