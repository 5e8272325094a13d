"""Routes of the reference provider: which operation a request is, and whether it is one that may be answered."""

from __future__ import annotations

from collections.abc import Mapping

from pollproof.contract.model import Contract, Operation
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.contract.requests import RequestPattern
from pollproof.trace.codecs import Check, codec_of, typing_of

KEPT_REQUESTS = 512
"""Requests whose reading is kept: the same question comes again and again."""

KEPT_BODY = 4096
"""Bytes of the body of a request whose reading is kept."""


class Route:
    """One operation as the provider meets it."""

    __slots__ = ("_check", "_checked", "_required", "operation", "pattern", "task_id", "typed")

    def __init__(self, operation: Operation, contract: Contract, checks: Mapping[str, Check]) -> None:
        self.operation = operation
        self.task_id = compile_place(operation.task_id)
        self._required = [compile_place(place) for place in operation.required]
        self._check = None if operation.request_schema is None else checks[operation.request_schema]
        self._checked: dict[bytes, bool] = {}
        self.pattern = RequestPattern(operation)
        typing = typing_of(codec_of(contract, "request"), contract.schemas.get(operation.request_schema or ""))
        self.typed = typing or (lambda body: body)

    def names(self, view: View) -> bool:
        """Whether a request is one of this operation, where several share a path."""
        element = self.operation.element
        if element and not (type(view.request) is dict and element in view.request):
            return False
        return self.pattern.fits(view)

    def is_complete(self, view: View) -> bool:
        """Whether a request has all its required fields."""
        for read in self._required:  # twice as fast as `all`, for every request
            value = read(view)
            if value is MISSING or value is None:
                return False
        return True

    def has_shape(self, view: View, body: bytes) -> bool:
        """Whether the body of a request has its documented shape."""
        if self._check is None:
            return True
        found = self._checked.get(body)
        if found is None:
            found = self._check.passes(view.request, body)
            if len(body) <= KEPT_BODY:
                if len(self._checked) >= KEPT_REQUESTS:
                    self._checked.clear()
                self._checked[body] = found
        return found
