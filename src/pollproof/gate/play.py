"""One scenario: the command meets it, and the monitor judges the trace."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pollproof.clauses import KINDS
from pollproof.contract.model import Level, Role, Subject
from pollproof.gate.basis import Basis, soften
from pollproof.gate.bounds import Bounds, End
from pollproof.gate.callbacks import CallbackCaller
from pollproof.gate.clocks import ClockKind, GateClock
from pollproof.gate.crashes import crash_of
from pollproof.gate.scenario import Expects, Scenario
from pollproof.gate.scenario_provider import StagedProvider, task_of
from pollproof.gate.scenario_result import ScenarioResult
from pollproof.gate.server import GateServer, serving
from pollproof.gate.spec import SCENARIO_TIMEOUT, Gate
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.processes.command import Ended, run
from pollproof.secrets.find import in_exchanges
from pollproof.trace.client_outcome import ClientOutcome, outcome_exchange
from pollproof.trace.events import Event
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.virtualtime import LeapClock

STOPPED = "the gate was interrupted"


@dataclass(slots=True)
class PlayedScenario:
    """A scenario that the command has met: the result, and what the server and the clock have seen of the command."""

    result: ScenarioResult
    ended: Ended
    server: GateServer
    clock: GateClock
    bounds: Bounds
    trace: Sequence[Exchange]
    disagreement: str
    events: Sequence[Event | None] = ()

    @property
    def is_guilty(self) -> bool:
        """Whether its requests violate a MUST."""
        return self.result.outcome is not None and self.result.outcome.excused

    @property
    def provider(self) -> StagedProvider:
        """The provider that it has met."""
        return self.bounds.provider


def play(
    gate: Gate, scenario: Scenario, endless: set[str], stopping: threading.Event, kind: ClockKind
) -> PlayedScenario:
    """Let the command meet one scenario, and judge what it did. Raises `CannotStart`.

    `endless` are the situations in which it is known not to end; the scenario adds what it shows.
    """
    contract = gate.contract
    with kind.open() as clock:
        provider = StagedProvider(contract, clock, scenario)
        with (
            serving(provider.play, urlsplit(contract.base_url).path.rstrip("/"), clock) as server,
            closing(CallbackCaller(provider, clock, server.keep)) as caller,
        ):
            provider.created, provider.base_url = caller.created, server.base_url
            bounds = Bounds(server, clock, provider, endless, leaps=kind.leaps)
            ended = run(
                clock.command(gate.words),
                clock.environment(environment(gate, scenario, server.base_url)),
                timeout=gate.timeout,
                stop=lambda: STOPPED if stopping.is_set() else bounds.reason(),
                started=bounds.started,
                progresses=bounds.progresses if gate.timeout == SCENARIO_TIMEOUT else lambda: False,
            )
            virtual = bounds.elapsed
    trace = server.trace()
    if server.moment is not None:
        trace = [exchange for exchange in trace if exchange.received <= server.moment]
    result = ScenarioResult.empty(contract, scenario)
    result.virtual = virtual
    played = PlayedScenario(result, ended, server, clock, bounds, trace, _disagreement(kind, clock, bounds))
    _judge(played)
    return played


def judged_as(played: PlayedScenario, scenario: Scenario) -> ScenarioResult:
    """What a command did in one scenario, judged by what another one expects that is the same for it."""
    result = ScenarioResult.empty(played.provider.contract, scenario)
    result.virtual, result.same_as = played.result.virtual, played.result.scenario.name
    _judge(replace(played, result=result))
    return result


def _judge(played: PlayedScenario) -> None:
    """Judge the trace of a scenario, and the end of its command."""
    result, contract, scenario = played.result, played.provider.contract, played.result.scenario
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.CLIENT))
    played.events = list(monitor.observe_all(played.trace))
    roles = {event.operation.role for event in played.events if event is not None}
    result.ended, result.crash = played.ended, crash_of(played.ended)
    result.exchanges, result.keys = len(played.trace), frozenset(in_exchanges(contract, played.trace))
    if scenario.needs is not None and scenario.needs not in roles:
        result.unused = f"the command never used what this is about ({scenario.needs.value})"
        return
    result.ledger = monitor.ledger
    _judge_end(played, monitor)


def environment(gate: Gate, scenario: Scenario, base_url: str) -> dict[str, str]:
    """The environment of a command for one scenario."""
    return {
        **os.environ,
        "POLLPROOF_BASE_URL": base_url,
        "POLLPROOF_API_KEY": gate.contract.credential.sample,
        "POLLPROOF_TASK": json.dumps(task_of(scenario)),
        "POLLPROOF_SCENARIO": scenario.name,
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def _returned(ended: Ended, provider: StagedProvider, monitor: Monitor) -> str | None:
    """The last token that a command has printed; None where that of a served result of its batch is missing."""
    printed = [token for token in ended.output.tokens if token in provider.tokens]
    if provider.scenario.needs is Role.BATCH:
        results = [history.result for history in monitor.account.tasks.values() if history.result is not None]
        if any(token not in printed and any(token in result for result in results) for token in provider.tokens):
            return None
    return printed[-1] if printed else None


def _judge_end(played: PlayedScenario, monitor: Monitor) -> None:
    """Judge how a command has ended, as far as that proves anything, and to which level it counts."""
    result, ended, server, bounds = played.result, played.ended, played.server, played.bounds
    scenario = result.scenario
    # A client that has broken another rule may have lost its task by that, which is reported there.
    guilty = bool(monitor.ledger.violated(Level.MUST))
    result.outcome = ClientOutcome(
        succeeded=ended.status == 0,
        result=_returned(ended, played.provider, monitor),
        promised=scenario.expects is Expects.SUCCESS and server.moment is None and not guilty,
        ended=ended.words,
        alive=ended.stopped is not None,
        excused=guilty,
        crashed=bool(result.crash),
    )
    result.disagreement = played.disagreement
    result.undecided = _undecided(ended, result, bounds, server)
    if result.disagreement:
        for entry in monitor.ledger.entries.values():
            if KINDS[entry.clause.kind].timed:
                entry.clear()
    if bounds.end is End.KNOWN:
        result.cut_short = "the command was ended early: an earlier scenario had shown that it does not end"
    elif result.undecided or bounds.end in (End.PROVED, End.EXCESSIVE):
        pass  # its requests alone are judged, as where the solution is a recorded one, which is not known again
    elif scenario.answers is None and (server.moment is None or not result.outcome.succeeded):
        last = max((exchange.received for exchange in monitor.trace), default=0.0)
        monitor.observe(outcome_exchange(result.outcome, last))
    if scenario.grounds.basis is not Basis.PRIMARY:
        soften(monitor.ledger, result.robustness)


def _disagreement(kind: ClockKind, clock: GateClock, bounds: Bounds) -> str:
    """In what the clock and the command may disagree about a time, as a sentence about it; empty where in nothing."""
    if kind is ClockKind.SUPERVISION and isinstance(clock, LeapClock) and clock.leaps.hindered:
        return "started a program that cannot be supervised, whose clock the virtual clock does not move"
    return bounds.real_waits.disagreement()


def _undecided(ended: Ended, result: ScenarioResult, bounds: Bounds, server: GateServer) -> str:
    """Why the end of a command proves nothing about it; empty where it does."""
    if result.disagreement:
        return f"the command {result.disagreement}"
    if bounds.provider.missed:
        return f"the recording has no response to a request: {bounds.provider.missed[0]}"
    if ended.cut:
        # How long that is for a client depends on the machine, so it does not show that the client never gives up.
        why = f"; the clock did not leap: {bounds.obstacle}" if bounds.obstacle else ""
        return f"the command was {ended.words} (--timeout){why}"
    if server.exceeded:
        return f"the command {server.exceeded}, more than the gate takes"
    if ended.stopped is not None and bounds.end is None:
        return f"the command {ended.words}, more than the gate takes"
    if bounds.end is End.EXCESSIVE and not result.ledger.violations:
        return f"the command was {ended.words}, and its time cannot be put forward"
    return ""
