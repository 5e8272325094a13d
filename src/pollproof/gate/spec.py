"""What the gate is requested to do: the command of a client, and the scenarios that it is to meet."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from pollproof.gate.scenario import Scenario
from pollproof.runs.reproduce import provider_argument
from pollproof.runs.spec import RunSpec
from pollproof.secrets.find import in_command, in_environment, of_command
from pollproof.secrets.redact import Redactor

SCENARIO_TIMEOUT = 60.0
"""Real seconds that the command may take for one scenario."""

WAIT_BUDGET = 120.0
"""Real seconds that may be waited in all scenarios together where the command does not obey the leaping clock."""


@dataclass(frozen=True, slots=True)
class Gate(RunSpec):
    """A client that is judged, and how. `smoke` is the scenario that every working client passes.

    `words` are the command that starts it, `timeout` and `budget` real seconds, `task` the file with the task that it
    is to create. `known` is how many scenarios the contract has in all. `cassettes` are the recordings that the
    scenarios come from, where they do. With `merges` a scenario is not played in which the client would get the very
    responses that it got in another one.
    """

    words: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    smoke: Scenario
    clock: str = "auto"
    timeout: float = SCENARIO_TIMEOUT
    budget: float = WAIT_BUDGET
    task: str | None = None
    known: int = 0
    cassettes: tuple[str, ...] = ()
    merges: bool = False

    @property
    def mode(self) -> str:
        return "gate"

    @property
    def target(self) -> str:
        return shlex.join(self.words)

    def secrets(self) -> set[str]:
        return of_command(self.contract, self.words)

    def command(self) -> str:
        words = ["pollproof", "gate", provider_argument(self.provider or self.contract.name)]
        words += [] if self.clock == "auto" else ["--clock", self.clock]
        words += [] if self.timeout == SCENARIO_TIMEOUT else ["--timeout", f"{self.timeout:g}s"]
        words += [] if self.budget == WAIT_BUDGET else ["--budget", f"{self.budget:g}s"]
        words += [] if self.task is None else ["--task", self.task]
        for cassette in self.cassettes:
            words += ["--cassette", cassette]
        words += ["--strict"] if self.policy.strict else []
        redactor = Redactor({*in_command(self.words), *in_environment(os.environ)}, "KEY")
        return shlex.join([*words, "--", *map(redactor.text, self.words)])
