"""Recorded conversations as scenarios of the gate: the client meets what was recorded, in its own time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pollproof.clock import Clock
from pollproof.contract.model import Contract, Role, TaskKind
from pollproof.contract.places import MISSING
from pollproof.gate.scenario import Answers, Expects, Scenario
from pollproof.recordings.entry import Recorded
from pollproof.recordings.errors import RecordingError
from pollproof.replay.files import recordings_of
from pollproof.replay.replay import Replay
from pollproof.trace.events import Answer, Event
from pollproof.trace.reader import Reader

MOST_RECORDED = 50
"""Recorded tasks of which each is a scenario."""


def recorded_scenarios(contract: Contract, names: Sequence[str]) -> list[Scenario]:
    """A scenario for each task created in the recordings of these files and folders, at most `MOST_RECORDED`.

    In each the client is to create that task. It is answered by a replay that reads the client's clock. Raises
    `RecordingError`, also where nothing was created.
    """
    recording = list(recordings_of(contract, names))
    events = list(_events(contract, recording))
    created = [each for each in events if each.operation.role is Role.CREATE and each.answer is Answer.STATE]
    if not created:
        raise RecordingError(", ".join(names), "", f"no task of {contract.name} is created there")

    def answers(clock: Clock, missed: Callable[[str], None]) -> Answers:
        return Replay(contract, recording, missed, clock.now).handle

    create = contract.operation(Role.CREATE)
    ordinary = next(kind for kind in contract.kinds.values() if not kind.inline)
    return [
        Scenario(
            f"recorded-{number}",
            f"The responses of recorded task {event.task}.",
            Expects.EITHER,
            _kind_of(ordinary, _word_in(create.request, event.request)),
            _seconds_of(event, events),
            answers=answers,
        )
        for number, event in enumerate(created[:MOST_RECORDED], 1)
    ]


def _events(contract: Contract, recording: Sequence[Recorded]) -> Iterator[Event]:
    reader = Reader(contract)
    for position, recorded in enumerate(recording):
        event = reader.read(recorded.exchange, position)
        if event is not None and recorded.exchange.probe is None:
            yield event


def _kind_of(kind: TaskKind, task: Any) -> TaskKind:
    return kind if task is MISSING else replace(kind, sample=task)


def _word_in(template: Any, body: Any) -> Any:
    """What stands in a body where its template has the task."""
    if template == "$task":
        return body
    if not isinstance(template, dict) or not isinstance(body, dict):
        return MISSING
    if template.get("*") == "$task":
        return {name: each for name, each in body.items() if name not in template}
    found = (_word_in(part, body.get(name, MISSING)) for name, part in template.items())
    return next((each for each in found if each is not MISSING), MISSING)


def _seconds_of(created: Event, events: Sequence[Event]) -> float:
    """Seconds from a creation to the last recorded response about its task; 0 where times are not known."""
    times = [each.exchange.received for each in events if each.task == created.task]
    seconds = max(times) - created.exchange.received
    return 0.0 if math.isnan(seconds) else max(seconds, 0.0)
