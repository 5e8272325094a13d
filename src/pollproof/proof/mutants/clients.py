"""Clients that break what they owe the provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pollproof.contract.model import Clause, Contract
from pollproof.proof.mutants.faults import Fault, mutates
from pollproof.trace.client_outcome import Outcome
from pollproof.trace.events import Event
from pollproof.verify.reference_client import ChangedSession, ReferenceClient
from pollproof.verify.session import Handle, Session


class Anonymous(ReferenceClient):
    """Does not show its key."""

    def __init__(self, contract: Contract, session: Session) -> None:
        super().__init__(contract, session)
        place = contract.credential.at
        if isinstance(session, ChangedSession) and place is not None:
            session.headers = {place.steps[0].lower(): self.shown(session.credential)}

    def shown(self, key: str) -> str | None:
        """What stands where the key should stand."""
        return None


class Bearer(Anonymous):
    """Shows its key after another word."""

    def shown(self, key: str) -> str | None:
        return f"Bearer {key}"


class Hasty(ReferenceClient):
    """Waits half as long as it should."""

    def wait(self) -> float:
        return super().wait() / 2


class Tireless(ReferenceClient):
    """Polls on past the budget, quickly enough to stay within the lifetime."""

    def wait(self) -> float:
        limits = self.contract.limits
        lifetime = limits.lifetime or 1e9
        return min(super().wait(), lifetime * 0.9 / ((limits.polls or 0) + 2))

    def gives_up(self, polls: int, elapsed: float) -> bool:
        limits = self.contract.limits
        return polls > (limits.polls or 0) or (limits.lifetime is not None and elapsed > limits.lifetime)


class Doubtful(ReferenceClient):
    """Asks once more after the final answer."""

    asked = False

    def is_done(self, event: Event) -> bool:
        done = super().is_done(event)
        if done and not self.asked:
            self.asked = True
            return False
        return done


class Late(ReferenceClient):
    """Polls a task for the first time when its lifetime is over."""

    def wait(self) -> float:
        limits = self.contract.limits
        return (limits.lifetime or 0.0) + limits.lifetime_slack + 1.0

    def gives_up(self, polls: int, elapsed: float) -> bool:
        return polls > 0


class Retyping(ReferenceClient):
    """Sends the task id as another JSON type, or with another digit."""

    def task_id(self, handle: Handle, event: Event | None) -> Any:
        if isinstance(handle.id, int):
            return float(handle.id)
        return handle.id.upper() if handle.id.upper() != handle.id else handle.id + "0"


class PollsInline(ReferenceClient):
    """Polls for a result that it has."""

    def keeps_inline(self, event: Event) -> bool:
        return False


class HastyBatches(ReferenceClient):
    """Sends batches one right after the other."""

    def batch_wait(self) -> float:
        return super().batch_wait() / 2


class Forgetful(ReferenceClient):
    """Says that it has succeeded, and returns nothing."""

    def outcome(self, result: Any, task: Any) -> Outcome:
        return super().outcome(result, task)._replace(result=None)


class Mistaken(ReferenceClient):
    """Returns something else than it was served."""

    def outcome(self, result: Any, task: Any) -> Outcome:
        outcome = super().outcome(result, task)
        return outcome._replace(result="something else") if outcome.succeeded else outcome


class Pessimist(ReferenceClient):
    """Says that it has failed although it was served a solution."""

    def outcome(self, result: Any, task: Any) -> Outcome:
        return Outcome(False, None, task)


class Optimist(ReferenceClient):
    """Says that it has succeeded, whatever it was served."""

    def outcome(self, result: Any, task: Any) -> Outcome:
        return super().outcome(result, task)._replace(succeeded=True)


class Stubborn(ReferenceClient):
    """Tries again and again where the provider cannot be reached."""

    retries = 310


class Impatient(ReferenceClient):
    """Tries again at once where the provider cannot be reached."""

    retries = 20

    def retry_wait(self) -> float:
        return 0.0


class Restless(ReferenceClient):
    """Asks again at once while its task is unfinished."""

    def wait(self) -> float:
        return 0.0


@mutates("solution-returned")
def _solution_returned(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("success without the solution", client=Forgetful)
    yield Fault("another solution", client=Mistaken)
    yield Fault("a solution taken for a failure", client=Pessimist)


@mutates("failure-reported")
def _failure_reported(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a failure taken for success", client=Optimist)


@mutates("bounded-retries")
def _bounded_retries(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("retries without a pause", client=Impatient)
    yield Fault("hundreds of retries", client=Stubborn)


@mutates("no-hot-loop")
def _no_hot_loop(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("polls without a pause", client=Restless)


@mutates("key-shown")
def _key_shown(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the key is not shown", client=Anonymous)
    yield Fault("the key after another word", client=Bearer)


@mutates("retry-after-kept")
def _retry_after_kept(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("half the wait that Retry-After asks for", client=Hasty)


@mutates("batch-rate")
def _batch_rate(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("two batches in half the time", client=HastyBatches)


@mutates("minimum-wait")
def _minimum_wait(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("half the wait", client=Hasty)


@mutates("poll-budget")
def _poll_budget(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("one poll too many", client=Tireless)


@mutates("no-poll-after-final")
def _no_poll_after_final(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("one more poll after the final answer", client=Doubtful)


@mutates("no-poll-after-lifetime")
def _no_poll_after_lifetime(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a poll past the lifetime", client=Late)


@mutates("same-task-id")
def _same_task_id(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("the task id retyped", client=Retyping)


@mutates("no-poll-after-inline")
def _no_poll_after_inline(contract: Contract, clause: Clause) -> Iterator[Fault]:
    yield Fault("a result that is there is polled for", client=PollsInline)
