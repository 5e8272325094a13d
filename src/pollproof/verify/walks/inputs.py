"""Requests at the limits of their schemas and beyond, and in the other bodies that a contract gives for them."""

from __future__ import annotations

from pollproof.contract.model import Contract, Role
from pollproof.trace.inputs import at_limits, beyond
from pollproof.verify.session import Session
from pollproof.verify.walks.registry import has_kind, walk
from pollproof.verify.walks.steps import patience

FEW_INPUTS = 3
"""Requests beyond the limits of a schema that a real provider is sent."""

INPUT = "a request at a limit of its schema"


def _has_alternatives(contract: Contract) -> bool:
    return any(each.alternatives and each.role is not Role.BATCH for each in contract.operations.values())


@walk(_has_alternatives)
def in_other_words(session: Session) -> None:
    """Requests in each of the other bodies that the documents give for them."""
    for kind in session.kinds:
        for way in range(1, 1 + len(session.creates(kind).alternatives)):
            _, handle = session.create_in_way(kind, way)
            if handle is not None:
                session.settle(handle, patience(session))
    handle = session.begin()
    for operation in (session.poll_operation, session.fetch_operation, session.cancel_operation):
        if handle is None or operation is None or not session.has_ids(operation, handle):
            continue
        for way in range(1, 1 + len(operation.alternatives)):
            session.send(session.about(operation, handle, way))


@walk(
    has_kind("refused-input", "accepted-input"),
    reaches=(INPUT,),
    breaks="sends requests beyond the limits of their schema",
)
def beyond_the_limits_of_input(session: Session) -> None:
    """Requests with one value just beyond a limit of their schema, and just at it."""
    if not session.permitted:
        return
    for clause in session.contract.clauses:
        if clause.kind not in ("refused-input", "accepted-input"):
            continue
        rule = clause.parameters
        operation = session.contract.operations[rule.operation]
        schema = session.contract.schemas[operation.request_schema or ""]
        make = beyond if clause.kind == "refused-input" else at_limits
        probe = "invalid-input" if clause.kind == "refused-input" else None
        request = session.sample_request(operation)
        count = len(make(schema, session.body_of(operation, request), rule.exceptions))
        for number in range(FEW_INPUTS if session.frugal else count):
            request = session.sample_request(operation)  # with a key and a number of its own
            inputs = make(schema, session.body_of(operation, request), rule.exceptions)
            if number >= len(inputs):
                continue
            changed = request._replace(body=session.codec.write(inputs[number].body))
            if session.codec.texts and session.body_of(operation, changed) != inputs[number].body:
                continue  # texts alone do not tell it from one that is right, as a number where a text is due
            session.reach(INPUT)
            session.send(changed, probe)
