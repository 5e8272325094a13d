"""Outcomes: what a client reported at its end, as an exchange of the trace, so that a trace alone can be judged."""

from __future__ import annotations

from typing import Any, NamedTuple

from pollproof.contract.model import Operation, Role
from pollproof.trace.bodies import read_json, write_json
from pollproof.trace.exchange import Exchange, Request, Response

OUTCOME_PATH = "/@outcome"
"""The path under which a trace keeps what the client reported at its end; no provider documents a path like it."""

OUTCOME_ADDRESS = "http://outcome.invalid" + OUTCOME_PATH
"""The address of outcomes in recordings: nowhere."""

OPERATION = Operation(
    name="@outcome",
    role=Role.OUTCOME,
    method="POST",
    path=OUTCOME_PATH,
    request=None,
    request_schema=None,
    response_schema=None,
    task_id=None,
    echo=None,
    status=None,
    result=None,
    error_code=None,
    phases=(),
    refused=(),
    effects=(),
    required=(),
    answers={},
)
"""The operation that an outcome is, in every contract."""


class ClientOutcome(NamedTuple):
    """How a client ended: whether it reported success, and what it returned (None: nothing that was served).

    `task` is the id that it speaks of: None where that is all of its work, empty where it got no task. `promised` means
    that what it was served leaves a client no documented way to fail. `ended` is how it ended, in words, `alive` that
    it had to be ended, and `excused` that this follows from a MUST that it broke. `crashed` means that it ended by a
    fault of its own, and so has reported nothing.
    """

    succeeded: bool
    result: Any = None
    task: Any = None
    promised: bool = False
    ended: str = ""
    alive: bool = False
    excused: bool = False
    crashed: bool = False


def outcome_exchange(outcome: ClientOutcome, moment: float) -> Exchange:
    """The exchange by which a trace keeps an outcome."""
    reported = outcome._asdict()
    unsaid = {**ClientOutcome._field_defaults, "result": ...}
    words = {name: value for name, value in reported.items() if name not in unsaid or value != unsaid[name]}
    request = Request("POST", OUTCOME_PATH, {"content-type": "application/json"}, write_json(words))
    return Exchange(request, Response(200, {}, b""), moment, moment)


def read_outcome(body: bytes) -> ClientOutcome | None:
    """The outcome that a body holds, None where it holds none."""
    words = read_json(body)
    if type(words) is not dict or type(words.get("succeeded")) is not bool:
        return None
    return ClientOutcome(
        words["succeeded"],
        words.get("result"),
        words.get("task"),
        words.get("promised") is True,
        str(words.get("ended", "")),
        words.get("alive") is True,
        words.get("excused") is True,
        words.get("crashed") is True,
    )
