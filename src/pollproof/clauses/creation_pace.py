"""Single creations: that a limit of batches does not hold for them."""

from __future__ import annotations

from pollproof.clauses.batch import BatchPace
from pollproof.clauses.deadlines import wait_over
from pollproof.clauses.faults import FaultyProvider
from pollproof.clauses.kinds import HELD, Finding, Kind, Violation, breaks
from pollproof.clauses.timing import describe_gap
from pollproof.contract.model import Effect, Role
from pollproof.contract.vocabulary import CREATE
from pollproof.tasks.account import Account
from pollproof.trace.events import STATE, Event
from pollproof.trace.exchange import Request, Response

ALWAYS = 5
"""Creations that were refused soon after another one, with none accepted, that show a limit: others may be chance."""


@Kind(
    "creation-unpaced",
    roles=(CREATE,),
    timed=True,
    exercised="a creation soon after another one",
    walks=("side-by-side",),
    hint="Count batches alone toward the limit of batches; accept single tasks that follow one another faster.",
)
def creation_unpaced(account: Account, event: Event, parameters: BatchPace) -> Finding:
    """Single tasks may be created faster than batches: some that come within the pause of batches are accepted."""
    pace, last, exchange = account.creations, account.creations.accepted, event.exchange
    if last is None or event.probe or event.request_errors:
        return None
    if not 0 <= exchange.received - last.exchange.sent < parameters.seconds:
        return None
    if event.answer is STATE:
        return HELD
    if event.effect is not Effect.BUSY or pace.soon or len(pace.refused) + 1 < ALWAYS:
        return None
    gap = describe_gap(0.0, exchange.received - last.exchange.sent)
    expected = f"a task to be accepted within {parameters.seconds:g} s after another one"
    seen = f"the {ALWAYS}th refusal of one as busy, and none accepted; this one {gap} after another"
    moments = wait_over(last.exchange.sent, parameters.seconds, "the task that was accepted last", "pause of batches")
    return Violation(expected, seen, (*pace.refused, last.number), deadlines=moments)


# A creation that is refused is not there to be polled, and a batch after it may be counted with it.
@breaks("creation-unpaced", "single tasks at the rate of batches")
class PacesCreations(FaultyProvider):
    """Refuses a task that comes within the pause of batches after another one."""

    def handle(self, request: Request) -> Response:
        paths = {each.path for each in self.contract.operations.values() if each.role is CREATE}
        base = request.path.partition("?")[0]
        if request.method != "POST" or not any(base.endswith(path) for path in paths) or not self.order:
            return super().handle(request)
        if 0 <= self.clock.now() - self.order[-1].created < (self.contract.limits.batch_wait or 0.0):
            operation = self.contract.operation(Role.CREATE)
            return self.fill(operation, "refused", None, "")._replace(status=429)
        return super().handle(request)
