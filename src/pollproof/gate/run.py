"""Running the gate: one client, through all its scenarios, into one ledger, whoever runs it.

The command line, the fixture, the decorated function and the workers use the same `ClientRun`. The smoke scenario is
played once: it shows which clock the client obeys and whether it works at all, and its trace counts.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from pollproof.contract.model import Subject
from pollproof.errors import RunError
from pollproof.gate.basis import robustness_of
from pollproof.gate.bounds import OVERTIME
from pollproof.gate.clocks import CLOCKS, ClockKind
from pollproof.gate.play import PlayedScenario, judged_as, play
from pollproof.gate.same_responses import find_same
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_result import ScenarioResult, Scenarios
from pollproof.gate.selection import within
from pollproof.gate.smoke import disobedience, has_loaded, problem_of
from pollproof.gate.spec import Gate
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import clauses_of
from pollproof.processes.program import CannotStart
from pollproof.runs.result import Cut, Progress, RunResult
from pollproof.virtualtime import why_not_preloaded

__all__ = ["ClientRun", "Gate", "GateError", "Gating", "begin_gate", "judge"]

AT_A_TIME = 2
"""Scenarios that are played at a time, where the machine has as many processors."""


BUSY_MACHINE = 4.0
"""Programs that want to run, for each processor, from which on a machine is busy."""


class GateError(RunError):
    """The gate cannot judge the command; the message is one sentence."""


Gating = RunResult[Gate, Scenarios]
"""The result of the gate."""


def begin_gate(gate: Gate) -> Gating:
    """The result of the gate before the command was run: every client clause, none exercised."""
    clauses = clauses_of(gate.contract, Subject.CLIENT)
    return RunResult(gate, Ledger(clauses), Scenarios(gate.contract, Ledger(robustness_of(clauses)), known=gate.known))


def judge(gate: Gate, progress: Progress | None = None, result: Gating | None = None) -> Gating:
    """Let the command meet all scenarios; an interruption leaves what was judged so far.

    `result` is a `begin_gate` that somebody watches while it grows.
    """
    run = ClientRun(gate, result)
    if run.begin():
        run.meet_all(progress)
    return run.result


class ClientRun:
    """One client, with what its scenarios share: the clock, the smoke scenario, the budget, what is proved already.

    `name` is what sentences call the client.
    """

    def __init__(self, gate: Gate, result: Gating | None = None, name: str = "the command") -> None:
        self.gate = gate
        self.result = begin_gate(gate) if result is None else result
        self.smoke: PlayedScenario | None = None
        self._name = name
        self._left = gate.budget
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._planned: set[str] | None = None
        self._met: list[PlayedScenario] = []

    def begin(self) -> bool:
        """Find out by the smoke scenario which clock the client obeys; whether it can be judged.

        The error of the result is the reason why it cannot.
        """
        with self._noting():
            self.smoke = self._choose_clock()
            self._met.append(self.smoke)
            self.result.keys |= self.smoke.result.keys
            problem = problem_of(self.smoke, self.gate.contract)
            if problem:
                # What its requests show is part of the result all the same, and may be why it solves nothing.
                self.smoke.result.judge_requests_alone()
                self.add(self.smoke.result)
                raise GateError(f"{self._name} {problem}")
            if self.gate.smoke not in self.gate.scenarios:
                self.result.detail.endless.clear()  # what it has proved is not part of the result
            if not self.result.detail.leaps:
                gate = self.gate
                self._planned = within(gate.contract, gate.scenarios, gate.smoke, gate.budget, gate.timeout)
        return self.result.error is None and self.result.complete

    def meet_all(self, progress: Progress | None = None) -> None:
        """Let the client meet the scenarios of its gate, some at a time, and add what comes of them in their order."""
        chosen = self.gate.scenarios
        with self._noting(), ThreadPoolExecutor(min(AT_A_TIME, os.cpu_count() or 1)) as pool:
            waiting: dict[str, Future[ScenarioResult]] = {}
            # What shows that a client never ends comes first, one of it alone: it spares others that proof. Then
            # comes what goes on without end: for a client that gives up, what happens once is the same.
            endless = [each for each in chosen if each.is_endless]
            for group in (
                endless[:1],
                endless[1:],
                [each for each in chosen if each.is_lasting and not each.is_endless],
                [each for each in chosen if not each.is_lasting],
            ):
                before = tuple(self._met)
                waiting |= {each.name: pool.submit(self.meet, each, before) for each in group}
                wait(waiting.values())
            try:
                for number, scenario in enumerate(chosen):
                    if progress is not None:
                        progress(scenario.name, number, len(chosen))
                    self.add(waiting[scenario.name].result())
                self._note_left_out()
            finally:
                self._stopping.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def meet(self, scenario: Scenario, before: Sequence[PlayedScenario] | None = None) -> ScenarioResult:
        """Let the client meet one scenario; raises `CannotStart`. The smoke scenario is met once.

        `before` are those that it may be the same as (None: all that were played by now).
        """
        if self.smoke is not None and scenario is self.gate.smoke:
            return self.smoke.result
        if self.gate.merges:
            same = find_same(tuple(self._met) if before is None else before, scenario)
            if same is not None:
                return judged_as(same, scenario)
        if self._planned is not None and scenario.name not in self._planned:
            return ScenarioResult.empty(self.gate.contract, scenario, self._too_long(scenario))
        kind = self.result.detail.kind
        played = self._play(scenario, kind)
        while played.disagreement and (better := self._better_clock(kind, scenario)) is not None:
            kind = better
            note = f"{scenario.name}: played {kind.words}, because the command {played.disagreement}"
            self.result.notes.append(note)
            played = self._play(scenario, kind)
        self._met.append(played)
        return played.result

    def add(self, played: ScenarioResult) -> None:
        """Add what came of one scenario to the result."""
        result, detail = self.result, self.result.detail
        detail.played.append(played)
        result.exchanges += 0 if played.same_as else played.exchanges
        result.keys |= played.keys
        if played.undecided:
            result.cuts.append(Cut(f"{played.scenario.name}: the end was not judged; {played.undecided}", "bound"))
        for whole, part in ((result.ledger, played.ledger), (detail.robustness, played.robustness)):
            before = {name: entry.evidence for name, entry in whole.entries.items()}
            whole.absorb(part)
            for name, entry in whole.entries.items():
                if entry.evidence is not before[name]:
                    detail.evidence[name] = played.scenario.name

    def _note_left_out(self) -> None:
        """Note that scenarios were not played: what they would have shown is not known."""
        missed = [played for played in self.result.detail.played if played.reason]
        if missed:
            what = f"{len(missed)} of {len(self.gate.scenarios)} scenarios were not run; {missed[0].reason}"
            self.result.cuts.append(Cut(what, "time"))

    def _play(self, scenario: Scenario, kind: ClockKind) -> PlayedScenario:
        return play(self.gate, scenario, self.result.detail.endless, self._stopping, kind)

    def _choose_clock(self) -> PlayedScenario:
        """Play the smoke scenario under the clock that the client obeys; raises `GateError` where there is none."""
        reasons: list[str] = []
        problem = ""
        for kind in CLOCKS[self.gate.clock]:
            why = kind.unavailable()
            if why is not None:
                reasons += [] if why in reasons else [why]
                continue
            against = why_not_preloaded(self.gate.words[0]) if self._may_replace(kind) else None
            if against is not None:
                reasons.append(f"{self._name} {against}")
                continue
            played = self._play(self.gate.smoke, kind)
            words = disobedience(played)
            for _ in range(_tries()):  # a machine that is very busy may leap late
                if words and has_loaded(played) and not played.result.disagreement:
                    played = self._play(self.gate.smoke, kind)
                    words = disobedience(played)
            if not words:
                self.result.clock = kind.words + (f" ({'; '.join(reasons)})" if reasons else "")
                self.result.detail.kind = kind
                return played
            problem = problem_of(played, self.gate.contract)
            reasons.append(f"{self._name} does not obey the clock by {kind.value}: {words}")
        raise GateError(f"{self._name} {problem}" if problem else "; ".join(reasons))

    def _better_clock(self, kind: ClockKind, scenario: Scenario) -> ClockKind | None:
        """The clock for a scenario in which the client has waited in a way that `kind` does not see.

        One that was requested is not replaced by another that leaps. None where real time does not suffice.
        """
        if self._may_replace(kind):
            return ClockKind.SUPERVISION
        return ClockKind.REAL if kind.leaps and self._fits(scenario) else None

    def _may_replace(self, kind: ClockKind) -> bool:
        """Whether supervision may take the place of a clock."""
        better = ClockKind.SUPERVISION
        return kind is ClockKind.PRELOAD and better in CLOCKS[self.gate.clock] and better.unavailable() is None

    def _too_long(self, scenario: Scenario) -> str:
        """Why a scenario is not played in real time."""
        seconds = f"{scenario.seconds:g} s of real waiting"
        if scenario.seconds * OVERTIME > self.gate.timeout and scenario.seconds <= self.gate.budget:
            return f"{seconds} are too long for the time of one scenario (--timeout)"
        return f"{seconds} do not fit into the budget of {self.gate.budget:g} s (--budget)"

    def _fits(self, scenario: Scenario) -> bool:
        """Take the real seconds of a scenario from the budget; whether that can be."""
        with self._lock:
            if scenario.seconds > self._left or scenario.seconds * OVERTIME > self.gate.timeout:
                return False
            self._left -= scenario.seconds
        return True

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note in the result what ends a run early, and the time that it took."""
        started = time.monotonic()
        try:
            yield
        except (GateError, CannotStart) as error:
            self.result.fail(str(error))
        except KeyboardInterrupt:
            self.result.complete = False
        self.result.seconds += time.monotonic() - started


def _tries() -> int:
    """How often the clock is tried again that did not leap: more often where many programs share a processor."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0
    return 1 if load < BUSY_MACHINE else 4
