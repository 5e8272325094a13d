"""Running the gate: the command meets every scenario, and the monitor judges each trace into one ledger."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract, Level, Subject
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.errors import RunError
from pollproof.gate.basis import Basis, robustness_of, soften
from pollproof.gate.bounds import BEYOND, Bounds, End
from pollproof.gate.callbacks import Caller
from pollproof.gate.clocks import CLOCKS, ClockKind, GateClock
from pollproof.gate.scenario import Expects, Scenario
from pollproof.gate.scenario_provider import StagedProvider, task_of
from pollproof.gate.scenario_result import ScenarioResult, Scenarios
from pollproof.gate.server import GateServer, serving
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.processes.command import CannotStart, Ended, run
from pollproof.runs.reproduce import named
from pollproof.runs.result import Progress, RunResult
from pollproof.runs.spec import RunSpec
from pollproof.secrets.find import in_command, in_environment, in_exchanges, of_command
from pollproof.secrets.redact import Redactor
from pollproof.trace.client_outcome import Outcome, outcome_exchange
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import Answer, Reader
from pollproof.trace.exchange import Exchange
from pollproof.virtualtime import LeapClock, why_not_preloaded

TIMEOUT = 60.0
"""Real seconds that the command may take for one scenario."""

BUDGET = 120.0
"""Real seconds that may be waited in all scenarios together where the command does not obey the leaping clock."""

AT_ONCE = 2.0
"""Seconds that a client must have waited before it shows whether its waits are leapt over."""

PAUSE = 0.5
"""Seconds from which on the time between two requests is a wait, and not the work of the client."""

LEAPT = 0.1
"""The part of a client's waits that a clock which it obeys has leapt over at least."""


class GateError(RunError):
    """The gate cannot judge the command; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Gate(RunSpec):
    """A client that is judged, and how. `smoke` is the scenario that every working client passes.

    `words` are the command that starts it, `timeout` and `budget` real seconds, `task` the file with the task that it
    is to create.
    """

    words: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    smoke: Scenario
    clock: str = "auto"
    timeout: float = TIMEOUT
    budget: float = BUDGET
    task: str | None = None

    @property
    def mode(self) -> str:
        return "gate"

    @property
    def target(self) -> str:
        return shlex.join(self.words)

    def secrets(self) -> set[str]:
        return of_command(self.contract, self.words)

    def command(self) -> str:
        words = ["pollproof", "gate", named(self.provider or self.contract.name)]
        words += [] if self.clock == "auto" else ["--clock", self.clock]
        words += [] if self.timeout == TIMEOUT else ["--timeout", f"{self.timeout:g}s"]
        words += [] if self.budget == BUDGET else ["--budget", f"{self.budget:g}s"]
        words += [] if self.task is None else ["--task", self.task]
        words += ["--strict"] if self.policy.strict else []
        redactor = Redactor({*in_command(self.words), *in_environment(os.environ)}, "KEY")
        return shlex.join([*words, "--", *map(redactor.text, self.words)])


Gating = RunResult[Gate, Scenarios]
"""The result of the gate."""


def judge(gate: Gate, progress: Progress | None = None, result: Gating | None = None) -> Gating:
    """Let the command meet all scenarios; an interruption leaves what was judged so far.

    `result` is a `beginning` that somebody watches while it grows.
    """
    result = begin(gate, result)
    if result.error is None and result.complete:
        play_all(result, progress)
    return result


def beginning(gate: Gate) -> Gating:
    """The result of the gate before the command was run: every client clause, none exercised."""
    clauses = clauses_of(gate.contract, Subject.CLIENT)
    detail = Scenarios(gate.contract, Ledger(robustness_of(clauses)))
    return RunResult(gate, Ledger(clauses), detail)


def begin(gate: Gate, result: Gating | None = None) -> Gating:
    """Find out which clock the command obeys, and whether it can be judged; no scenario is met.

    `result` is a `beginning` that somebody watches while it grows.
    """
    result = beginning(gate) if result is None else result
    with _told(result):
        _choose_clock(result)
    return result


def play_all(result: Gating, progress: Progress | None = None) -> None:
    """Let the command meet the scenarios of its gate under the clock of the result, and add what comes of it."""
    with _told(result):
        _play_all(result, clauses_of(result.spec.contract, Subject.CLIENT), progress)


@contextmanager
def _told(result: Gating) -> Iterator[None]:
    """Note in the result what ends a run early, and the time that it took."""
    started = time.monotonic()
    try:
        yield
    except (GateError, CannotStart) as error:
        result.error = str(error)
        result.complete = False
    except KeyboardInterrupt:
        result.complete = False
    result.seconds += time.monotonic() - started


def _play_all(result: Gating, clauses: Sequence[Clause], progress: Progress | None) -> None:
    gate = result.spec
    left = gate.budget
    for number, scenario in enumerate(gate.scenarios):
        if progress is not None:
            progress(scenario.name, number, len(gate.scenarios))
        reason = "" if result.detail.leaps else _too_long(gate, scenario, left)
        if reason:
            robustness = Ledger(robustness_of(clauses))
            result.detail.played.append(ScenarioResult(scenario, Ledger(clauses), robustness, reason=reason))
            continue
        kind = result.detail.kind
        played = play(gate, scenario, clauses, kind, endless=result.detail.endless)
        while played.disagreement and (better := _better_clock(gate, kind, scenario, left)) is not None:
            kind = better
            note = f"{scenario.name}: met again, {kind.words}, because the command {played.disagreement}"
            result.notes.append(note)
            played = play(gate, scenario, clauses, kind, endless=result.detail.endless)
        if not kind.leaps and played.ended is not None:
            left -= played.ended.seconds
        result.detail.played.append(played)
        result.exchanges += played.exchanges
        result.keys |= played.keys
        if played.undecided:
            result.notes.append(f"{scenario.name}: the end was not judged; {played.undecided}")
            result.complete = False
        _absorb(result, played)


def _better_clock(gate: Gate, kind: ClockKind, scenario: Scenario, left: float) -> ClockKind | None:
    """The clock under which a scenario is met again in which the command has waited in a way that `kind` does not see.

    One that was asked for is not replaced by another that leaps. None where real time does not suffice.
    """
    kinds = CLOCKS[gate.clock]
    if kind is ClockKind.PRELOAD and ClockKind.SUPERVISION in kinds and ClockKind.SUPERVISION.unavailable() is None:
        return ClockKind.SUPERVISION
    return ClockKind.REAL if kind.leaps and not _too_long(gate, scenario, left) else None


def _too_long(gate: Gate, scenario: Scenario, left: float) -> str:
    """Why a scenario cannot be run in real time, empty where it can."""
    if scenario.seconds > left:
        return f"{scenario.seconds:g} s of real waiting do not fit into the {left:.0f} s left of the budget (--budget)"
    if scenario.seconds * BEYOND > gate.timeout:
        return f"{scenario.seconds:g} s of real waiting are too long for the time of one scenario (--timeout)"
    return ""


def _absorb(result: Gating, played: ScenarioResult) -> None:
    detail = result.detail
    for whole, part in ((result.ledger, played.ledger), (detail.robustness, played.robustness)):
        before = {name: entry.evidence for name, entry in whole.entries.items()}
        whole.absorb(part)
        for name, entry in whole.entries.items():
            if entry.evidence is not before[name]:
                detail.evidence[name] = played.scenario.name


# ----------------------------------------------------------------------------------------------- the clock


def _choose_clock(result: Gating) -> None:
    """Find out by runs of the command which clock it obeys; raises `GateError` where it cannot be judged at all."""
    gate = result.spec
    reasons: list[str] = []
    last: _Probe | None = None
    for kind in CLOCKS[gate.clock]:
        why = kind.unavailable()
        if why is not None:
            if why not in reasons:
                reasons.append(why)
            continue
        against = (
            why_not_preloaded(gate.words[0]) if kind is ClockKind.PRELOAD and len(CLOCKS[gate.clock]) > 1 else None
        )
        if against is not None and ClockKind.SUPERVISION.unavailable() is None:
            reasons.append(f"the command {against}")
            continue
        probe = _probe(gate, gate.smoke, kind)
        if probe.attached and not probe.obeys and not probe.is_beyond:
            probe = _probe(gate, gate.smoke, kind)  # a machine that was very busy for a while may have leapt late
        if probe.obeys or not kind.leaps:
            result.clock = kind.words + (f" ({'; '.join(reasons)})" if reasons else "")
            result.detail.kind = kind
            _check(result, probe)
            return
        last = probe
        reasons.append(f"the command does not obey the clock by {kind.value}: {probe.words}")
    if last is not None:
        _check(result, last)
    raise GateError("; ".join(reasons))


@dataclass(slots=True)
class _Probe:
    ended: Ended
    outcome: Outcome
    contacts: int
    exchanges: int
    elsewhere: list[str]
    answers: list[Answer]
    key: str
    keys: frozenset[str]
    guilty: bool
    attached: bool
    obeys: bool
    is_beyond: bool
    words: str


def _probe(gate: Gate, smoke: Scenario, kind: ClockKind) -> _Probe:
    """What the smoke scenario shows; `is_beyond` tells that the command has waited in a way that this clock misses."""
    performed = _perform(gate, smoke, clauses_of(gate.contract, Subject.CLIENT), set(), kind)
    ended, server, clock = performed.ended, performed.server, performed.clock
    reader = Reader(gate.contract)
    monitor = Monitor(reader, clauses_of(gate.contract, Subject.CLIENT))
    trace = performed.trace()
    events = [monitor.observe(exchange) for exchange in trace]
    foreign = [
        f"asked for {exchange.request.method} {exchange.request.path}"[:80]
        for exchange, event in zip(trace, events, strict=True)
        if event is None
    ]
    attached, obeys, is_beyond, words = False, False, False, ""
    if isinstance(clock, LeapClock):
        found = clock.leaps
        # A client that has not waited shows nothing against the clock: only waits that are not leapt over do.
        waited = _waited(trace)
        is_beyond = bool(performed.disagreement) or (kind is ClockKind.PRELOAD and found.unfollowed > 0)
        waits = is_beyond or (waited >= AT_ONCE and found.seconds < waited * LEAPT) or (ended.cut and not found.count)
        attached = found.attached > 0
        obeys = attached and not waits
        words = "its waits were not leapt over" if attached else "it did not load the library"
        if found.unfollowed:
            words = "it waits by calls that this clock does not follow"
        if performed.disagreement:
            words = f"it {performed.disagreement}"
    return _Probe(
        ended,
        performed.outcome,
        server.contacts,
        server.count,
        [*server.elsewhere, *foreign],
        [event.answer for event in events if event is not None],
        _wrong_key(gate.contract, trace),
        frozenset(in_exchanges(gate.contract, trace)),
        monitor.ledger.violations > 0,
        attached,
        obeys,
        is_beyond,
        words,
    )


def _waited(trace: Sequence[Exchange]) -> float:
    """Seconds of the clock that a client let pass between its requests, without those that it merely took."""
    gaps = (after.sent - before.received for before, after in pairwise(trace))
    return sum(gap for gap in gaps if gap >= PAUSE)


def _check(result: Gating, probe: _Probe) -> None:
    """Raise `GateError` where the smoke scenario shows that the command is no working client at all."""
    result.keys |= probe.keys
    if probe.guilty or Answer.STATE in probe.answers:
        return  # it speaks with the provider: how it ends is its own doing, and is judged
    words = probe.ended.last_words
    end = f"; it ended with {probe.ended.words} and " + (f"its output with: {words}" if words else "printed nothing")
    if not probe.contacts:
        raise GateError(f"the command never contacted the base URL (POLLPROOF_BASE_URL){end}")
    if not probe.answers:
        what = probe.elsewhere[0] if probe.elsewhere else "sent no request of the contract"
        raise GateError(f"the command contacted the base URL, but {what}{end}")
    raise GateError(f"the command contacted the base URL, but every request was refused{probe.key}{end}")


def _wrong_key(contract: Contract, trace: Sequence[Exchange]) -> str:
    """What no request had of the key as the documents want it, as the rest of a sentence; empty where one had it."""
    credential = contract.credential
    place = credential.at
    if place is None or place.area not in ("header", "body") or not trace:
        return ""
    shown, codec = compile_place(place), codec_of(contract.body, contract.namespace)
    views = [View(codec.read(each.request.body), MISSING, {}, each.request.headers, {}, None) for each in trace]
    told = {value for value in map(shown, views) if isinstance(value, str) and value}
    if credential.template.replace("{credential}", credential.sample) in told:
        return ""
    wanted = credential.template.replace("{credential}", "POLLPROOF_API_KEY")
    name = f"the header {place.text.rpartition('.')[2]}" if place.area == "header" else place.pointer[1:]
    had = sorted({_form(words, credential.template) for words in told})
    return f", for none had {name}: {wanted}" + (f" (they had {', '.join(had)})" if had else "")


def _form(shown: str, template: str) -> str:
    """In which form a wrong key was shown; never the key itself."""
    word, blank, _ = shown.partition(" ")
    if blank and word.isalpha() and word.lower() != template.partition(" ")[0].lower():
        return word[:20]
    return "another key" if bool(blank) is (" " in template) else "the bare key"


# -------------------------------------------------------------------------------------------- one scenario


def play(
    gate: Gate, scenario: Scenario, clauses: Sequence[Clause], kind: ClockKind, *, endless: set[str] | None = None
) -> ScenarioResult:
    """Let the command meet one scenario, and judge what it did. Raises `CannotStart`.

    `endless` are the situations in which it is known not to end; the scenario adds what it shows.
    """
    performed = _perform(gate, scenario, clauses, set() if endless is None else endless, kind)
    ended, outcome = performed.ended, performed.outcome
    monitor = Monitor(Reader(gate.contract), clauses)
    trace = performed.trace()
    events = [monitor.observe(exchange) for exchange in trace]
    result = ScenarioResult(
        scenario,
        monitor.ledger,
        Ledger(robustness_of(clauses)),
        ended,
        exchanges=len(trace),
        virtual=performed.virtual,
        keys=frozenset(in_exchanges(gate.contract, trace)),
    )
    if scenario.needs is not None and not any(event and event.operation.role is scenario.needs for event in events):
        result.unused = f"the command never used what this is about ({scenario.needs.value})"
        result.ledger = Ledger(clauses)
        return result
    # A client that has broken another rule may have lost its task by that, which is said there.
    guilty = bool(monitor.ledger.violated(Level.MUST))
    promised = scenario.expects is Expects.SUCCESS and performed.moment is None and not guilty
    result.outcome = outcome = outcome._replace(promised=promised, excused=guilty)
    result.undecided = _undecided(performed, monitor.ledger)
    if performed.disagreement:
        result.disagreement = performed.disagreement
        for entry in monitor.ledger.entries.values():
            if KINDS[entry.clause.kind].timed:
                entry.clear()
    if performed.end is End.KNOWN:
        result.cut_short = "the command was ended early: an earlier scenario had shown that it does not end"
    elif result.undecided or performed.end in (End.PROVED, End.EXCESSIVE):
        pass  # its requests alone are judged
    elif performed.moment is None or not outcome.succeeded:
        end = max((exchange.received for exchange in trace), default=0.0)
        monitor.observe(outcome_exchange(outcome, end))
    if scenario.grounds.basis is not Basis.PRIMARY:
        soften(monitor.ledger, result.robustness)
    return result


def _undecided(performed: _Performed, ledger: Ledger) -> str:
    """Why the end of a command proves nothing about it; empty where it does."""
    ended = performed.ended
    if performed.disagreement:
        return f"the command {performed.disagreement}"
    if ended.cut:
        # How long that is for a client depends on the machine, so it does not show that the client never gives up.
        return f"the command was {ended.words} (--timeout)"
    if performed.server.exceeded:
        return f"the command {performed.server.exceeded}, more than the gate takes"
    if ended.stopped is not None and performed.end is None:
        return f"the command {ended.words}, more than the gate takes"
    if performed.end is End.EXCESSIVE and not ledger.violations:
        return f"the command was {ended.words}, and its time cannot be put forward"
    return ""


@dataclass(frozen=True, slots=True)
class _Performed:
    """One run of the command.

    `moment` is when its time was put forward, what came later shows no more than whether it ends. `end` says why it was
    ended by the bounds of the scenario (None: it was not). `disagreement` says where the clock went on by seconds that
    did not pass for it.
    """

    ended: Ended
    server: GateServer
    outcome: Outcome
    clock: GateClock
    virtual: float
    moment: float | None
    end: End | None
    disagreement: str

    def trace(self) -> list[Exchange]:
        """What is to be judged."""
        trace = self.server.trace()
        return trace if self.moment is None else [each for each in trace if each.received <= self.moment]


def _perform(
    gate: Gate, scenario: Scenario, clauses: Sequence[Clause], endless: set[str], kind: ClockKind
) -> _Performed:
    contract = gate.contract
    with kind.open() as clock:
        provider = StagedProvider(contract, clock, scenario)
        with (
            serving(provider.play, urlsplit(contract.base_url).path.rstrip("/"), clock) as server,
            closing(Caller(provider, clock, server.keep)) as caller,
        ):
            provider.created = caller.created
            base = {
                **os.environ,
                "POLLPROOF_BASE_URL": server.base_url,
                "POLLPROOF_API_KEY": contract.credential.sample,
                "POLLPROOF_TASK": json.dumps(task_of(scenario)),
                "POLLPROOF_SCENARIO": scenario.name,
                "NO_PROXY": "*",
                "no_proxy": "*",
            }
            bounds = Bounds(server, clock, provider, clauses, endless, leaps=kind.leaps)
            ended = run(
                clock.command(gate.words),
                clock.environment(base),
                timeout=gate.timeout,
                stop=bounds.reason,
                started=bounds.real_waits.started,
            )
            virtual = bounds.elapsed
        returned = [token for token in ended.output.tokens if token in provider.tokens]
        outcome = Outcome(
            succeeded=ended.status == 0,
            result=returned[-1] if returned else None,
            ended=ended.words,
            alive=ended.stopped is not None,
        )
    return _Performed(
        ended, server, outcome, clock, virtual, bounds.moment, bounds.end, _disagreement(kind, clock, bounds)
    )


def _disagreement(kind: ClockKind, clock: GateClock, bounds: Bounds) -> str:
    """In what the clock and the command may disagree about a time, as a sentence about it; empty where in nothing."""
    if kind is ClockKind.SUPERVISION and isinstance(clock, LeapClock) and clock.leaps.hindered:
        return "started a program that cannot be supervised, whose clock the virtual clock does not move"
    return bounds.real_waits.disagreement()
