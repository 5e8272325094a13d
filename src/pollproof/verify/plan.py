"""The plan of a run that verifies one target: what to judge, and how thoroughly; its secrets and its command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pollproof.runs.reproduce import provider_argument
from pollproof.runs.spec import RunSpec
from pollproof.secrets.find import in_command, in_environment, in_url
from pollproof.secrets.redact import Redactor
from pollproof.verify.live_limits import LIVE_BUDGET, MAXIMUM_REQUESTS, MAXIMUM_TASKS, Live
from pollproof.verify.work_units import Part, divide, whole

if TYPE_CHECKING:
    from pollproof.clock import Clock
    from pollproof.http.target import Target
    from pollproof.verify.launch.command_line import Launch

PROFILES = {"quick": 10, "ci": 50, "deep": 1000}
"""Examples of the state machine in each profile; `ci` is what a run takes when nothing is said."""

BUDGET = 60.0
"""Real seconds that a run may wait where the target's clock cannot be moved."""


@dataclass(frozen=True, slots=True)
class Plan(RunSpec):
    """What to explore, and how thoroughly.

    `second_credential` is another key of one's own.

    `task` is the file that `sample` was read from, `launch` the command that is to answer at `base_url`, `example_db`
    the URL of an example database that is shared with other runs. `live` limits a run against a real provider.
    `own_hosts` are remote hosts that are treated as one's own. `called` is an implementation in this process, and
    `clock` the one by which it lives (real time where there is none).
    """

    base_url: str | None = None
    credential: str | None = None
    advance_url: str | None = None
    sample: Mapping[str, Any] | None = None
    task: str | None = None
    callback_url: str | None = None
    profile: str = "ci"
    examples: int | None = None
    seed: int = 0
    budget: float = BUDGET
    launch: Launch | None = None
    example_db: str | None = None
    live: Live | None = None
    own_hosts: tuple[str, ...] = ()
    called: Target | None = None
    clock: Clock | None = None
    second_credential: str | None = None

    @property
    def mode(self) -> str:
        return "verify"

    @property
    def random_seed(self) -> int | None:
        return self.seed

    def secrets(self) -> set[str]:
        return of_plan(self)

    def command(self) -> str:
        return command(self, self.provider or self.contract.name, strict=self.policy.strict)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.called is not None:
            return self.called.name
        if self.launch is not None:
            return f"launched: {self.launch.without_key()}"
        return self.base_url or "the embedded reference provider"

    @property
    def count(self) -> int:
        """Examples of the state machine."""
        return PROFILES[self.profile] if self.examples is None else self.examples

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the run: of a target that somebody else runs there is one, and it cannot be made anew.

        Neither can a launched one with a port of its own, or a receiver of callbacks with one.
        """
        if not self.is_repeatable:
            return whole(self.count)
        return divide(self.count, launched=self.launch is not None)

    @property
    def is_repeatable(self) -> bool:
        """Whether each part can have a target of its own, at the same time as others."""
        if self.base_url is None:
            return True
        return self.launch is not None and self.launch.is_repeatable and self.callback_url is None

    def granted(self, part: Part) -> float:
        """Real seconds that a part may wait: the walks take what was granted, all examples together as much again."""
        return self.budget if part.walks else self.budget * part.examples / self.count


def of_plan(plan: Plan) -> set[str]:
    """All secrets that were given to the exploring of a target."""
    key = plan.credential or plan.contract.credential.sample
    found = {key, key[:-1], key.swapcase()}
    if plan.second_credential is not None:
        found.add(plan.second_credential)
    for url in (plan.base_url, plan.advance_url, plan.callback_url, plan.example_db):
        found.update(in_url(url or ""))
    if plan.launch is not None:
        found.update(in_command(plan.launch.command), in_environment(os.environ))
    return found


def command(plan: Plan, provider: str, *, strict: bool = False) -> str:
    """The command that explores a plan again; the key is a variable of the environment."""
    words = ["pollproof", "verify", provider_argument(provider)]
    if plan.launch is not None:
        words += ["--launch", plan.launch.without_key()]
    if plan.base_url is not None and not (plan.launch and plan.launch.is_usual):
        words += ["--base-url", plan.base_url]
    if plan.advance_url is not None:
        words += ["--advance-url", plan.advance_url]
    if plan.task is not None:
        words += ["--task", plan.task]
    if plan.callback_url is not None:
        words += ["--callback-url", plan.callback_url]
    if plan.live is not None:
        words += _live_words(plan.live)
    if plan.budget != (BUDGET if plan.live is None else LIVE_BUDGET):
        words += ["--max-wait", f"{plan.budget:g}s"]
    if plan.profile != "ci":
        words += ["--profile", plan.profile]
    if plan.examples is not None:
        words += ["--examples", str(plan.examples)]
    if plan.example_db is not None:
        from pollproof.verify.example_db import without_password as named_database

        words += ["--example-db", named_database(plan.example_db)]
    for host in plan.own_hosts:
        words += ["--allow-host", host]
    words += ["--strict"] if strict else []
    redactor = Redactor(of_plan(plan) if plan.credential else of_plan(plan) - {plan.contract.credential.sample}, "KEY")
    text, key = shlex.join(map(redactor.text, words)), ""
    if plan.credential:
        key = ' --api-key "$POLLPROOF_API_KEY"'  # not quoted: the shell of whoever pastes the command fills it in
    if plan.second_credential:
        key += ' --second-api-key "$POLLPROOF_SECOND_API_KEY"'
    return f"{text}{key} --seed {plan.seed}"


def _live_words(live: Live) -> list[str]:
    """The options that repeat a live run: with a record of its own, and no more allowed."""
    words = ["--live"] + (["--destructive"] if live.destructive else [])
    words += ["--max-requests", str(live.max_requests)] if live.max_requests != MAXIMUM_REQUESTS else []
    words += ["--max-tasks", str(live.max_tasks)] if live.max_tasks != MAXIMUM_TASKS else []
    return words + (["--clock-skew", f"{live.clock_skew:g}s"] if live.clock_skew else [])
