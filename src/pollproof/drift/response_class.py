"""Response classes: what kind of response an exchange holds. Only like is compared with like."""

from __future__ import annotations

from pollproof.contract.model import SILENCE, Contract, Effect, Role
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.tasks.ages import surely_beyond_polls, surely_outside
from pollproof.tasks.state import TaskState
from pollproof.trace.events import Answer, Event

ACCEPTED = "accepted"
UNREADABLE = "unreadable"
UNKNOWN_STATUS = "a status of unknown meaning"


class ResponseClasses:
    """Names the response class of each event of one contract."""

    def __init__(self, contract: Contract) -> None:
        credential = contract.credential
        self._key = compile_place(credential.at)
        self._no_key = credential.template.replace("{credential}", "").strip()
        self._required = {
            operation.name: [(place.text, compile_place(place)) for place in operation.required if place.area != "path"]
            for operation in contract.operations.values()
        }
        self._limits = contract.limits

    def name(self, event: Event) -> str | None:
        """The class in words; None for an exchange that shows nothing of the provider's responses."""
        if event.probe == SILENCE or event.transient:
            return None
        if event.operation.role is not Role.CALLBACK and event.exchange.response is None:
            return None
        wrong = self.fault(event)
        # The same fault may be refused with a code of another meaning: that is a change, and not another class.
        return ("refused" if wrong and event.answer is Answer.REFUSED else _class(event)) + wrong

    def fault(self, event: Event) -> str:
        """What is wrong with the request, in brackets: the same fault gets the same response, another one may not."""
        probe = event.probe
        if probe is None:
            wrong = event.operation.role is not Role.CALLBACK and event.request_errors
            return " [ill-formed request]" if wrong else ""
        details = ""
        if probe in ("missing-field", "wrong-credential"):
            view = View(event.request, MISSING, {}, event.exchange.request.headers, {}, None)
            if probe == "missing-field":
                absent = [(text, read(view)) for text, read in self._required[event.operation.name]]
                words = [f"{text} {'null' if value is None else 'empty' if value == '' else 'absent'}"
                         for text, value in absent if value in (MISSING, None, "")]  # fmt: skip
                details = ": " + ", ".join(words)
            elif self._key(view) in (MISSING, None, "", self._no_key):
                details = ": none"
        return f" [{probe}{details}]"

    def reason(self, event: Event, history: TaskState | None) -> str:
        """Why a task is lost, as far as that is known: codes may differ by the reason."""
        if history is None or history.created is None:
            return "of a task that the recording does not create"
        if surely_outside(history, event, self._limits):
            return "after its lifetime"
        return "after its last poll" if surely_beyond_polls(history, self._limits) else "of a task"


def _class(event: Event) -> str:
    role = event.operation.role
    if event.answer is Answer.UNREADABLE:
        return UNREADABLE
    if event.answer is Answer.REFUSED:
        return f"refused: {(event.effect or Effect.UNCLEAR).value}"
    if event.phase is not None:
        return str(event.phase.value) + (", reported as an error" if event.error_code is not None else "")
    if role is Role.FETCH:
        return "no result yet"
    has_status = role in (Role.POLL, Role.CALLBACK) or (type(event.status) is str and event.status != "")
    return UNKNOWN_STATUS if has_status else ACCEPTED


def one_reason(event: Event) -> bool:
    """Whether all refusals of this class have one reason: then a provider gives them one code."""
    if event.probe is None:
        return event.effect is Effect.LOST and not event.request_errors
    return event.probe != "malformed"
