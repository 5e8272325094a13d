"""The task that clients are to create, where the sample of the contract does not suit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pollproof.clock import VirtualClock
from pollproof.contract.model import Contract, Role
from pollproof.errors import InputError
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_provider import StagedProvider, task_of
from pollproof.trace.events import Answer
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.verify.request_builder import Builder


class TaskError(InputError):
    """A task that no client could have solved here; the message is one sentence."""


def with_task(contract: Contract, known: Sequence[Scenario], task: Mapping[str, Any] | None) -> list[Scenario]:
    """The scenarios with this task in place of the contract's sample (None: with the sample); raises `TaskError`.

    Scenarios about tasks of another form, such as batches and tasks that are answered in their creation, keep theirs.
    """
    if task is None:
        return list(known)
    ordinary = known[0].kind
    own = replace(ordinary, sample=task)
    changed = [replace(each, kind=own) if each.kind == ordinary else each for each in known]
    _check(contract, changed[0])
    return changed


def _check(contract: Contract, smoke: Scenario) -> None:
    """Raise `TaskError` where the provider does not take the task, or leaves nothing to poll for."""
    create = contract.operation(Role.CREATE)
    builder = Builder(create, contract)
    try:
        request = builder.build(contract.credential.sample, {"task": task_of(smoke)})
    except (TypeError, ValueError, AttributeError) as error:
        raise TaskError(f"the task cannot be sent in {create.name} ({error})") from None
    provider = StagedProvider(contract, VirtualClock(), smoke)
    event = Reader(contract).read(Exchange(request, provider.play(request).response, 0.0, 0.0), 0)
    if event is None:
        raise TaskError(f"the task makes no request that the contract knows as {create.name}")
    if event.request_errors:
        raise TaskError(
            f"the task does not have the documented form of {create.name}: {event.request_errors[0].message}"
        )
    if event.answer is not Answer.STATE:
        why = f" with {event.error_code}" if event.error_code else ""
        raise TaskError(f"the task is refused{why}")
    if event.inline_kind:
        raise TaskError("the task is answered in its creation, so there is nothing to poll for: give another one")
