"""The items of a decorated test function: one for each scenario, in which the function is the client.

pytest's own process serves the scenarios and judges; the function runs in a child process, under the leaping clock
where there is one, so that all of its ways to wait and to read the time move together.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pollproof.contract.model import Contract
from pollproof.gate.decorator import DECLARED, FIXTURE, GIVEN, UNUSABLE, ClientOptions
from pollproof.gate.run import ClientRun, Gate
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_result import ScenarioResult, Scenarios
from pollproof.gate.selection import SelectionError, chosen_of
from pollproof.gate.tasks import TaskError, with_task
from pollproof.loading import ContractError, load_contract
from pollproof.processes.command import Output
from pollproof.processes.program import CannotStart
from pollproof.pytest_plugin.child import GAVE_UP
from pollproof.pytest_plugin.verdicts import ClauseWarning, fail, skip
from pollproof.report.document import build_document
from pollproof.report.terminal import violation_lines
from pollproof.runs.outcome import Document, failing
from pollproof.runs.result import RunResult
from pollproof.text import nearest, visible

SHARED = pytest.StashKey[dict[Any, "ClientUnderTest"]]()
KNOWN_SCENARIOS = pytest.StashKey[dict[tuple[str, str], tuple[Contract, list[Scenario]]]]()


# ---------------------------------------------------------------------------------------------- collecting


def parametrize_scenarios(metafunc: pytest.Metafunc) -> None:
    """Make one item for each scenario; what cannot be met fails the collection with one sentence."""
    function = metafunc.function
    declared: ClientOptions | None = getattr(function, DECLARED, None)
    name = metafunc.definition.name
    if declared is None:
        raise _refused(f"{name} takes the fixture {FIXTURE}, which is for functions with the decorator client")
    if declared.test is not getattr(function, "__func__", function):
        raise _refused(f"{name}: the decorator client stands above all others that are not marks")
    _check_arguments(metafunc.definition, declared)
    known = _known(metafunc.config, declared)[1]
    try:
        chosen = chosen_of(known, declared.scenarios, deep=declared.profile == "deep")
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
                f"{definition.name} takes '{name}'{nearest(name, given) or '.'} A client is given "
                f"{', '.join(GIVEN)} and what parametrize says; fixtures do not reach it, for it runs in a process of "
                "its own"
            )


def _refused(words: str) -> Exception:
    return pytest.Collector.CollectError(visible(words, None))


def _known(config: pytest.Config, declared: ClientOptions) -> tuple[Contract, list[Scenario]]:
    """The contract and its scenarios, the smoke scenario first; loaded once in a run."""
    from pollproof.gate.scenarios import scenarios

    loaded = config.stash.setdefault(KNOWN_SCENARIOS, {})
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


# ----------------------------------------------------------------------------------------------- one function


class ClientUnderTest:
    """A function under test: its run of the gate, which its items share in one process."""

    def __init__(self, item: pytest.Function, declared: ClientOptions, arguments: Mapping[str, Any]) -> None:
        contract, known = _known(item.config, declared)
        self.name = _name_of(item)
        self.scenarios = {scenario.name: scenario for scenario in known}
        self.is_refused = False
        words = _command(item, self.name, arguments)
        limits = declared.clock, declared.timeout, declared.budget
        gate = Gate(contract, words, tuple(known), known[0], *limits, merges=declared.profile != "deep")
        self.run = ClientRun(gate, name=self.name)
        if not self.run.begin() and self.run.result.error is None:
            raise KeyboardInterrupt

    @property
    def clock(self) -> str:
        """Which clock judges, in words."""
        return self.run.result.clock

    def document(self, played: ScenarioResult) -> Document:
        """The report of one scenario."""
        names = [*played.ledger.entries, *played.robustness.entries]
        gate, kind = self.run.gate, self.run.result.detail.kind
        evidence = dict.fromkeys(names, played.scenario.name)
        detail = Scenarios(gate.contract, played.robustness, kind, [played], evidence)
        return build_document(RunResult(gate, played.ledger, detail, self.clock, keys=set(played.keys)))


def end_in_words(played: ScenarioResult) -> str:
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
            if client.run.result.error is not None:
                self._refuse(client, client.run.result.error)
            played = client.run.meet(client.scenarios[self._name])
        except CannotStart as error:
            fail(str(error))
        if played.reason:
            skip(f"{client.name} does not meet {self._name}: {played.reason}")
        self._show_output(played)
        if played.unused:
            skip(f"{client.name} is not judged by {self._name}: {played.unused}")
        self._conclude(client, played)

    def _client(self, arguments: Mapping[str, Any]) -> ClientUnderTest:
        item = self._item
        known = item.config.stash.setdefault(SHARED, {})
        key = (item.nodeid.partition("[")[0], json.dumps(arguments, sort_keys=True, default=repr))
        if key not in known:
            known[key] = ClientUnderTest(item, self._declared, arguments)
        return known[key]

    def _refuse(self, client: ClientUnderTest, problem: str) -> None:
        """Fail with the reason why the function cannot be judged, once; skip the other items."""
        smoke = client.run.gate.smoke
        if self._name != smoke.name and (client.is_refused or self._is_selected(smoke)):
            skip(f"{client.name} does not pass its smoke check")
        client.is_refused = True
        if client.run.smoke is not None:
            self._show_output(client.run.smoke.result)
        fail(problem)

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

    def _conclude(self, client: ClientUnderTest, played: ScenarioResult) -> None:
        assert played.ended is not None
        end = f"{played.scenario.name}: {played.scenario.text}\n{client.name}: {end_in_words(played)} ({client.clock})"
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
            text = output_text(output)
            if text:
                self._item.add_report_section("call", f"{title} {self._item.originalname}", text)


def output_text(output: Output) -> str:
    """What was printed, as far as it was kept."""
    left_out = f"\n... {output.left_out} bytes left out ...\n" if output.left_out > 0 else ""
    return output.head + left_out + output.tail
