"""The items of a decorated test function: one for each scenario, in which the function is the client.

pytest's own process serves the scenarios and judges; the function runs in a child process, under the leaping clock
where there is one, so that all of its ways to wait and to tell the time move together.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pollproof.contract.model import Clause, Contract, Subject
from pollproof.errors import RunError
from pollproof.gate.bounds import BEYOND
from pollproof.gate.clocks import CLOCKS, ClockKind
from pollproof.gate.decorator import DECLARED, FIXTURE, GIVEN, ClientOptions
from pollproof.gate.run import Gate, play
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_result import ScenarioResult, Scenarios
from pollproof.gate.selection import SelectionError, selected
from pollproof.gate.tasks import TaskError, with_task
from pollproof.loading import ContractError, load_contract
from pollproof.loading.errors import nearest
from pollproof.monitor.monitor import clauses_of
from pollproof.processes.command import LAST, CannotStart, Output
from pollproof.pytest_plugin.child import GAVE_UP, UNUSABLE
from pollproof.pytest_plugin.verdicts import ClauseWarning, fail, skip
from pollproof.report.document import document_of
from pollproof.report.terminal import violation_lines
from pollproof.runs.outcome import Document, failing
from pollproof.runs.result import RunResult
from pollproof.text import visible
from pollproof.virtualtime import LeapClock, SupervisedClock, obeys

SHARED = pytest.StashKey[dict[Any, "Client"]]()
KNOWN = pytest.StashKey[dict[tuple[str, str], tuple[Contract, list[Scenario]]]]()

WAITING = "import time; time.sleep(3)"
"""A program that only waits, by which it is found out whether this Python obeys the leaping clock."""


# ---------------------------------------------------------------------------------------------- collecting


def spread(metafunc: pytest.Metafunc) -> None:
    """Make one item for each scenario; what cannot be met fails the collection with one sentence."""
    function = metafunc.function
    declared: ClientOptions | None = getattr(function, DECLARED, None)
    name = metafunc.definition.name
    if declared is None:
        raise _refused(f"{name} asks for the fixture {FIXTURE}, which is for functions with the decorator client")
    if declared.test is not getattr(function, "__func__", function):
        raise _refused(f"{name}: the decorator client stands above all others that are not marks")
    _check_arguments(metafunc.definition, declared)
    known = _known(metafunc.config, declared)[1]
    try:
        chosen = selected(known, declared.scenarios)
    except SelectionError as error:
        raise _refused(f"{name}: {error}") from None
    names = list(dict.fromkeys([known[0].name, *(scenario.name for scenario in chosen)]))
    metafunc.parametrize(FIXTURE, names, ids=names, indirect=True)


def _check_arguments(definition: pytest.Function, declared: ClientOptions) -> None:
    given = [*GIVEN]
    for mark in definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        given += [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    for name in declared.arguments:
        if name not in given:
            raise _refused(
                f"{definition.name} asks for '{name}'{nearest(name, given) or '.'} A client is given "
                f"{', '.join(GIVEN)} and what parametrize says; fixtures do not reach it, for it runs in a process of "
                "its own"
            )


def _refused(words: str) -> Exception:
    return pytest.Collector.CollectError(visible(words, None))


def _known(config: pytest.Config, declared: ClientOptions) -> tuple[Contract, list[Scenario]]:
    """The contract and its scenarios, the smoke scenario first; loaded once in a run."""
    from pollproof.gate.scenarios import scenarios

    loaded = config.stash.setdefault(KNOWN, {})
    try:
        key = declared.provider, json.dumps(declared.task)
        if key not in loaded:
            contract = load_contract(declared.provider)
            loaded[key] = contract, with_task(contract, scenarios(contract), declared.task)
    except (ContractError, TaskError) as error:
        raise _refused(str(error)) from None
    except (TypeError, ValueError) as error:
        raise _refused(f"the task holds what JSON does not have ({error})") from None
    return loaded[key]


# --------------------------------------------------------------------------------------------------- clock


class NoClock(RunError):
    """The clock that is asked for cannot be had; the message is one sentence."""


def _chosen_clock(wanted: str) -> tuple[ClockKind, str]:
    """The clock under which functions run, and its name with the reason for it."""
    reasons: list[str] = []
    for kind in CLOCKS[wanted]:
        why = _reason_against(kind)
        if why is None:
            return kind, kind.words + (f" ({'; '.join(reasons)})" if reasons else "")
        reasons.append(why)
    raise NoClock("; ".join(dict.fromkeys(reasons)))


@cache
def _reason_against(kind: ClockKind) -> str | None:
    """Why functions cannot run under a clock, found out by a run; once in a process."""
    why = kind.unavailable()
    if why is not None or not kind.leaps:
        return why
    clock = LeapClock if kind is ClockKind.PRELOAD else SupervisedClock
    if obeys([sys.executable, "-P", "-c", WAITING], kind=clock):
        return None
    return f"this Python does not obey the clock by {kind.value}"


# ----------------------------------------------------------------------------------------------- one function


class Client:
    """A function under test, with what its scenarios share in one process: the clock, the smoke check, the budget."""

    def __init__(self, item: pytest.Function, declared: ClientOptions, arguments: Mapping[str, Any]) -> None:
        self.contract, known = _known(item.config, declared)
        self.name = _name_of(item)
        self.scenarios = {scenario.name: scenario for scenario in known}
        self.clauses: Sequence[Clause] = clauses_of(self.contract, Subject.CLIENT)
        self.kind, self.clock = _chosen_clock(declared.clock)
        self.left = declared.budget
        self.told = False
        self.endless: set[str] = set()
        command = _command(item, self.name, arguments)
        self.gate = Gate(
            self.contract, command, tuple(known), known[0], declared.clock, declared.timeout, declared.budget
        )
        self._smoke: ScenarioResult | None = None

    def play(self, scenario: Scenario) -> ScenarioResult:
        """Let the function meet a scenario; the smoke scenario is met once."""
        if scenario is self.gate.smoke and self._smoke is not None:
            return self._smoke
        played = play(self.gate, scenario, self.clauses, self.kind, endless=self.endless)
        if not self.kind.leaps and played.ended is not None:
            self.left -= played.ended.seconds
        if scenario is self.gate.smoke:
            self._smoke = played
        return played

    def too_long(self, scenario: Scenario) -> str | None:
        """Why a scenario cannot be met in real time; None where it can."""
        if self.kind.leaps or scenario is self.gate.smoke:
            return None
        if scenario.seconds > self.left:
            return f"and {max(self.left, 0):.0f} s are left of the budget"
        if scenario.seconds * BEYOND > self.gate.timeout:
            return f"which is too long for a timeout of {self.gate.timeout:g} s"
        return None

    def document(self, played: ScenarioResult) -> Document:
        """The report of one scenario."""
        names = [*played.ledger.entries, *played.robustness.entries]
        detail = Scenarios(
            self.contract, played.robustness, self.kind, [played], dict.fromkeys(names, played.scenario.name)
        )
        return document_of(RunResult(self.gate, played.ledger, detail, self.clock, keys=set(played.keys)))

    def problem(self) -> str | None:
        """Why the function is no working client at all, from the smoke scenario; None where it is one.

        One that breaks a rule there is a client, and what it returns may follow from that: it is judged.
        """
        played = self.play(self.gate.smoke)
        outcome, ended = played.outcome, played.ended
        assert outcome is not None
        assert ended is not None
        if ended.status == UNUSABLE:
            return f"{self.name} cannot be judged: {_last_line(ended.errors)}"
        if not outcome.promised or (outcome.succeeded and outcome.result is not None):
            return None
        if not played.exchanges:
            what = "sent no request that the contract knows to its base_url"
        elif ended.status == 0:
            what = "did not return the solution of an ordinary task: its one-time token is not in what it returned"
        else:
            what = "did not solve an ordinary task"
        last = _last_line(ended.errors)
        return f"{self.name} cannot be judged: it {what}; {told(played)}" + (f"; it ended with: {last}" if last else "")


def told(played: ScenarioResult) -> str:
    """How a function ended, in words."""
    assert played.ended is not None
    ends = {0: "it returned", GAVE_UP: "it gave up", UNUSABLE: "it could not be used"}
    end = ends.get(-1 if played.ended.status is None else played.ended.status, played.ended.words)
    requests = "1 request" if played.exchanges == 1 else f"{played.exchanges} requests"
    return f"{end}, with {requests} in {played.virtual:.3f} s of its clock"


def _name_of(item: pytest.Function) -> str:
    """The name by which the child finds the function in its module."""
    name = item.originalname
    return name if item.cls is None else f"{item.cls.__qualname__}.{name}"


def _command(item: pytest.Function, name: str, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    module = item.module
    setup = {"module": module.__name__, "path": [str(entry) for entry in sys.path], "arguments": arguments}
    try:
        words = json.dumps(setup)
    except (TypeError, ValueError) as error:
        fail(f"{name} is parametrized with what cannot be handed to another process ({error})")
    file = str(Path(module.__file__).absolute())
    return sys.executable, "-P", "-m", "pollproof.pytest_plugin.child", file, name, words


# ------------------------------------------------------------------------------------------------ one item


class ClientScenario:
    """One scenario, which the decorated function is to meet."""

    def __init__(self, item: pytest.Function, name: str) -> None:
        self._item = item
        self._name = name
        self._declared: ClientOptions = getattr(item.obj, DECLARED)

    def judge(self, arguments: Mapping[str, Any]) -> None:
        """Pass when the function keeps every rule, and fail with those that it breaks."""
        try:
            client = self._client(arguments)
            problem = client.problem()
            scenario = client.scenarios[self._name]
            if problem is not None:
                self._refuse(client, problem)
            reason = client.too_long(scenario)
            if reason is not None:
                skip(f"{scenario.name} takes {scenario.seconds:g} s of {client.clock}, {reason}")
            played = client.play(scenario)
        except (CannotStart, NoClock) as error:
            fail(str(error))
        self._show_output(played)
        if played.unused:
            skip(f"{client.name} is not judged by {scenario.name}: {played.unused}")
        self._conclude(client, played)

    def _client(self, arguments: Mapping[str, Any]) -> Client:
        item = self._item
        known = item.config.stash.setdefault(SHARED, {})
        key = (item.nodeid.partition("[")[0], json.dumps(arguments, sort_keys=True, default=repr))
        if key not in known:
            known[key] = Client(item, self._declared, arguments)
        return known[key]

    def _refuse(self, client: Client, problem: str) -> None:
        """Tell why the function cannot be judged, once; skip the other items."""
        smoke = client.gate.smoke
        if self._name != smoke.name and (client.told or self._is_selected(smoke)):
            skip(f"{client.name} does not pass its smoke check")
        client.told = True
        played = client.play(smoke)
        self._show_output(played)
        violated = failing(client.document(played), strict=False) if played.exchanges else []
        fail("\n\n".join([problem, *(self._lines(clause) for clause in violated)]))

    def _is_selected(self, smoke: Scenario) -> bool:
        """Whether this run has the smoke scenario of this function among its items."""
        own = self._item.callspec.params
        return any(
            isinstance(item, pytest.Function)
            and item.parent is self._item.parent
            and item.originalname == self._item.originalname
            and item.callspec.params == {**own, FIXTURE: smoke.name}
            for item in self._item.session.items
        )

    def _conclude(self, client: Client, played: ScenarioResult) -> None:
        assert played.ended is not None
        end = f"{played.scenario.name}: {played.scenario.text}\n{client.name}: {told(played)} ({client.clock})"
        if played.ended.status == UNUSABLE:
            fail(f"{client.name} cannot be judged\n\n{end}")
        document = client.document(played)
        strict = self._declared.strict or bool(self._item.config.getoption("--pollproof-strict", default=False))
        broken = failing(document, strict=strict)
        for clause in failing(document, strict=True):
            if clause not in broken:
                self._item.warn(ClauseWarning(self._lines(clause)))
        if broken:
            fail("\n\n".join([*(self._lines(clause) for clause in broken), end]))
        if played.undecided:  # a run that was cut short passes no more than it fails
            skip(f"{client.name}: {played.undecided}")

    def _lines(self, clause: Document) -> str:
        item = self._item
        _, mark, names = item.nodeid.partition("::")
        node = os.path.relpath(item.path, item.config.invocation_params.dir) + mark + names
        again = shlex.join(["pytest", node])
        return "\n".join(violation_lines({**clause, "violation": {**clause["violation"], "again": again}}))

    def _show_output(self, played: ScenarioResult) -> None:
        assert played.ended is not None
        for title, output in (("output of", played.ended.errors), ("what was returned by", played.ended.output)):
            text = text_of(output)
            if text:
                self._item.add_report_section("call", f"{title} {self._item.originalname}", text)


def text_of(output: Output) -> str:
    """What was printed, as far as it was kept."""
    left_out = f"\n... {output.left_out} bytes left out ...\n" if output.left_out > 0 else ""
    return output.head + left_out + output.tail


def _last_line(output: Output) -> str:
    lines = [line for line in text_of(output).splitlines() if line.strip()]
    return lines[-1].strip()[:LAST] if lines else ""
