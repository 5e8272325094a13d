"""The Hypothesis state machine: random interleavings of several tasks, with time steps drawn from the deadlines.

The machine has one rule with one draw: the moves are weighted in a table, which costs Hypothesis a tenth of what
rules with bundles and preconditions cost, and shrinks toward the first move, which is none, and the first task. A step
of Hypothesis costs more than an exchange in process, so one step makes several moves. What is drawn never depends on a
response, so a target that answers differently on a replay cannot upset the data generation.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, reject
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Flaky, FlakyReplay, HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pollproof.monitor.ledger import Ledger, Verdict
from pollproof.text import plural
from pollproof.verify.determinism import from_seed_alone
from pollproof.verify.handles import Handle
from pollproof.verify.sending import DeadlineExceeded, TargetUnusable
from pollproof.verify.session import Session
from pollproof.verify.target_clocks import BudgetSpent, ClockError
from pollproof.verify.walks.steps import edge, until_age

MOVES = 50
"""Moves in one example: long examples are twice as cheap a move as short ones."""

STRETCH = 25
"""Moves in one step of Hypothesis, which copies and leaves out whole steps when it looks for another example."""

PLANS = st.binary(min_size=2 * STRETCH, max_size=2 * STRETCH)
"""What a step draws, all at once: two bytes for each move, which one it is and what it is about."""

SLOTS = 8
"""Tasks that a move can pick from: the newest ones."""

VARIED = 128
"""Numbers of a move, of 256, from which on its request is another than the sample of the contract."""

MAXIMUM_SHRINKS = 200
"""Executions that go into making one violation shorter."""

MAXIMUM_FINDINGS = 6
"""Violations of further clauses that one run looks for after the first."""


class ClauseViolated(AssertionError):
    """Tells Hypothesis that an example shows a violation, so that it looks for a shorter one."""


class StopExploration(BaseException):
    """Ends a Hypothesis run at once; not an error, so Hypothesis does not try to reproduce it."""


Move = Callable[["Actions", int], None]


class Actions:
    """Carries out the moves of one example on a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.handles: list[Handle] = []
        limits = session.contract.limits
        self._deadlines = self._steps_of_time()
        self._burst = (limits.polls or 30) // 3
        self.moves = self._table()

    def _steps_of_time(self) -> list[float]:
        limits = self.session.contract.limits
        steps = [self.session.wait, 1.0, 7.0, 30.0]
        if limits.solving is not None:
            steps += [limits.solving - 1, limits.solving + 1]
        return steps

    def _table(self) -> list[Move]:
        """The moves, each as often as its weight; the simplest first, since shrinking goes there."""
        session = self.session
        table: list[Move] = [Actions.rest]
        table += [Actions.create] * 5 + [Actions.poll] * 12 + [Actions.advance] * 6
        if session.contract.limits.lifetime is not None:
            table += [Actions.before_end] * 2 + [Actions.at_end] + [Actions.after_end]
        table += [Actions.burst]
        if session.inline_kinds:
            table += [Actions.create_inline]
        if session.fetch_operation is not None:
            table += [Actions.fetch] * 6
        if session.cancel_operation is not None:
            table += [Actions.cancel] * 2
        if session.wrong_credentials():
            table += [Actions.wrong_key]
        if session.poll_operation.required or session.create_operation.required:
            table += [Actions.missing_field]
        return [*table, Actions.malformed, Actions.unknown, Actions.poll_all]

    def pick(self, number: int) -> Handle | None:
        """One of the newest tasks; one is created where there is none."""
        if not self.handles:
            self.create(0)
        if not self.handles:
            return None
        newest = self.handles[-SLOTS:]
        return newest[number % len(newest)]

    def rest(self, number: int) -> None:
        """Do nothing: what a move becomes that a violation can be shown without."""

    def create(self, number: int) -> None:
        session = self.session
        varied = session.variations if number >= VARIED else []
        if varied:  # half of the tasks are requested in another way that the documents allow
            _, handle = session.create_varied(varied[(number - VARIED) % len(varied)])
        else:
            _, handle = session.create(session.kinds[number % len(session.kinds)])
        if handle is not None:
            self.handles.append(handle)

    def create_inline(self, number: int) -> None:
        self.session.create(self.session.inline_kinds[number % len(self.session.inline_kinds)])

    def poll(self, number: int) -> None:
        handle = self.pick(number)
        if handle is not None and self._may_poll(handle, 1):
            if number >= VARIED and self.session.poll_variations:
                self.session.poll_varied(handle, number)
            else:
                self.session.poll(handle)

    def fetch(self, number: int) -> None:
        handle = self.pick(number)
        if handle is not None:
            self.session.fetch(handle)

    def cancel(self, number: int) -> None:
        handle = self.pick(number)
        if handle is not None:
            self.session.cancel(handle)

    def _may_poll(self, handle: Handle, times: int) -> bool:
        """Whether that many polls stay within a budget beyond which the documents leave all open."""
        limits = self.session.contract.limits
        if limits.polls is None or limits.beyond_polls == "lost":
            return True
        history = self.session.history(handle)
        return history is None or history.polls_most + times <= limits.polls

    def poll_all(self, number: int) -> None:
        for handle in self.handles[-SLOTS:]:
            if self._may_poll(handle, 1):
                self.session.read(handle)

    def burst(self, number: int) -> None:
        handle = self.pick(number)
        if handle is not None and self._may_poll(handle, self._burst):
            self.session.poll_each([handle] * self._burst)

    def advance(self, number: int) -> None:
        self.session.advance(self._deadlines[number % len(self._deadlines)])

    def _beside_end(self, number: int, offset: float) -> None:
        handle = self.pick(number)
        limits = self.session.contract.limits
        if handle is not None and limits.lifetime is not None and self._may_poll(handle, 1):
            until_age(self.session, handle, limits.lifetime + offset, most=offset <= 0)
            self.session.read(handle)

    def before_end(self, number: int) -> None:
        self._beside_end(number, -self.session.contract.limits.lifetime_slack - edge(self.session))

    def at_end(self, number: int) -> None:
        self._beside_end(number, 0.0)

    def after_end(self, number: int) -> None:
        self._beside_end(number, self.session.contract.limits.lifetime_slack + edge(self.session))

    def wrong_key(self, number: int) -> None:
        handle = self.pick(number)
        if handle is not None:
            keys = self.session.wrong_credentials()
            words = {"task_id": handle.id}
            self.session.probe_credential(self.session.poll_operation, words, keys[number % len(keys)])

    def _words(self, number: int) -> dict[str, Any]:
        handle = self.pick(number)
        return {"task": self.session.sample(self.session.kinds[0]), "task_id": None if handle is None else handle.id}

    def missing_field(self, number: int) -> None:
        operation = (self.session.poll_operation, self.session.create_operation)[number % 2]
        if operation.required:
            self.session.probe_missing(operation, self._words(number), number % len(operation.required))

    def malformed(self, number: int) -> None:
        operation = (self.session.poll_operation, self.session.create_operation)[number % 2]
        if operation.request is None:
            operation = self.session.create_operation
        self.session.probe_malformed(operation, self._words(number), number // 2)

    def unknown(self, number: int) -> None:
        known = self.session.contract.task_id["unknown"]
        self.session.probe_unknown(known[number % len(known)])

    def finish(self) -> None:
        """Read every task a second time, so that what the last move did to it is seen."""
        self.poll_all(0)


class Effort(NamedTuple):
    """How much is tried: so many examples, drawn from a seed; after so many seconds of real time, `enough` of them."""

    examples: int
    seconds: float
    seed: int
    enough: int = 0


class MachineExploration:
    """One exploration of a target by the machine.

    `fresh` prepares the session of each example, `known` gives the clauses whose violation was shown
    elsewhere. Violations go into the ledger; the first failing trace of a target
    that does not repeat itself is kept there as well, so nothing is lost when Hypothesis cannot reproduce it.
    What the `database` has is tried first where it `replays`.
    With `until` it ends as soon as those clauses are violated, and makes nothing shorter.
    """

    def __init__(
        self,
        fresh: Callable[[], Session],
        ledger: Ledger,
        effort: Effort,
        *,
        database: ExampleDatabase | None = None,
        replays: bool = True,
        until: frozenset[str] = frozenset(),
        known: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        self._fresh = fresh
        self._elsewhere = known
        self._walked: frozenset[str] = frozenset()
        self._ledger = ledger
        self._examples, seconds, self._seed, self._enough = effort
        self._end = time.monotonic() + seconds
        self._database = database
        self._replays = replays
        self._until = until
        self._known: set[str] = set()
        self._shrinks = 0
        self.examples = 0
        self.moves = 0
        self.cut_short = ""
        self.is_slow = False
        self.stopped: Exception | None = None

    @property
    def violations(self) -> int:
        """How many violations the ledger has."""
        return self._ledger.violations

    @contextlib.contextmanager
    def stopping(self) -> Iterator[None]:
        """What ends the exploration ends it at once: Hypothesis is not to replay a target that is gone."""
        try:
            yield
        except (TargetUnusable, ClockError, BudgetSpent) as error:
            self.stopped = error
            raise StopExploration from error
        except DeadlineExceeded as error:
            self.cut_short = f"its time was over in example {self.examples} of {self._examples}"
            raise StopExploration from error

    def begin(self) -> Session:
        """Called at the start of each example."""
        if time.monotonic() > self._end and self.examples >= self._enough:
            self.is_slow = True
            raise StopExploration
        if self._shrinks > MAXIMUM_SHRINKS:
            raise StopExploration
        self.examples += 1
        return self._fresh()

    def check(self, before: int) -> int:
        """Called after each move: raises for Hypothesis when the move showed a violation of a further clause."""
        now = self._ledger.violations
        if now != before:
            if self._has_enough():
                raise StopExploration
            found = {name for name, entry in self._ledger.entries.items() if entry.verdict is Verdict.VIOLATED}
            if found - self._known and self._elsewhere is not None:
                self._walked, self._elsewhere = self._elsewhere(), None
                self._known |= self._walked
            if found - self._known:
                self._shrinks += 1
                raise ClauseViolated(", ".join(sorted(found - self._known)))
        return now

    def _has_enough(self) -> bool:
        """Whether all that is looked for was found; never where nothing particular is."""
        return bool(self._until) and all(self._ledger[name].verdict is Verdict.VIOLATED for name in self._until)

    def run(self) -> None:
        """Explore until the examples or the time are used up."""
        for round_ in range(MAXIMUM_FINDINGS):
            if self._has_enough():
                return
            broken = {name for name, entry in self._ledger.entries.items() if entry.verdict is Verdict.VIOLATED}
            self._known = broken | self._walked
            self._shrinks = 0
            remaining = self._examples - self.examples
            if remaining <= 0:
                return
            settings = hypothesis.settings(
                max_examples=remaining,
                stateful_step_count=MOVES // STRETCH,
                deadline=None,
                database=self._database,
                derandomize=False,
                print_blob=False,
                verbosity=Verbosity.quiet,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.reuse, Phase.generate, Phase.shrink]
                if self._database is not None and self._replays
                else [Phase.generate, Phase.shrink],
            )
            machine = hypothesis.seed(self._seed + round_)(self._machine())
            try:
                with from_seed_alone():
                    run_state_machine_as_test(machine, settings=settings)
            except (ClauseViolated, Flaky, FlakyReplay, ExceptionGroup):
                continue
            except StopExploration:
                if isinstance(self.stopped, BudgetSpent):
                    self.cut_short = f"the time that was granted ended after {plural(self.examples, 'example')}"
                elif self.stopped is not None:
                    raise self.stopped from None
                if self.cut_short or self.is_slow:
                    return
                continue
            except HypothesisException as error:  # pragma: no cover - a defect of the suite, told apart from the target
                raise RuntimeError(f"Hypothesis stopped: {error}") from error
            return

    def _machine(self) -> type[RuleBasedStateMachine]:
        # Hypothesis reads the source of what it is given: for a function it need not parse the whole file.
        def lifecycle() -> RuleBasedStateMachine:
            return Lifecycle(self)

        return cast("type[RuleBasedStateMachine]", lifecycle)


class Lifecycle(RuleBasedStateMachine):
    """Several tasks at once, created, polled and left alone in any order."""

    def __init__(self, exploration: MachineExploration) -> None:
        super().__init__()
        self._exploration = exploration
        self._mover = Actions(exploration.begin())
        self._violations = exploration.violations
        self._begun = exploration.moves

    @rule(plan=PLANS)
    def stretch(self, plan: bytes) -> None:
        """Make the moves of a plan."""
        exploration, mover, moves = self._exploration, self._mover, self._mover.moves
        choices = iter(plan)
        with exploration.stopping():
            for which, number in zip(choices, choices, strict=True):
                move = moves[which % len(moves)]
                exploration.moves += move is not Actions.rest
                move(mover, number)
                self._violations = exploration.check(self._violations)

    def teardown(self) -> None:
        """Read every task at the end."""
        if self._exploration.stopped is None:
            if self._exploration.moves == self._begun:
                self._exploration.examples -= 1
                if sys.exc_info()[0] is None:
                    reject()  # the simplest example makes no move, so it is none
                return
            with self._exploration.stopping():
                self._mover.finish()
            self._exploration.check(self._violations)
