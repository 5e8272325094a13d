"""Exploring one target from end to end: the directed walks and the state machine, into one ledger."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pollproof.clauses import KINDS
from pollproof.clock import Clock, VirtualClock
from pollproof.contract.model import Clause, Contract, Subject
from pollproof.http.target import InProcessTarget
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.scripted import ScriptedProvider
from pollproof.runs.result import Cut, Idle, Progress
from pollproof.tasks.ages import solving_times
from pollproof.text import plural
from pollproof.trace.exchange import Request
from pollproof.trace.reader import Reader
from pollproof.verify.callbacks import EmbeddedCallbacks, HttpCallbacks
from pollproof.verify.exploration import Exploration, begin_exploration, join, violated
from pollproof.verify.plan import Plan
from pollproof.verify.preflight import Preflight, PreflightFailed
from pollproof.verify.reference_client import judge_client
from pollproof.verify.rehearsal import in_units, requests_of, waits_of
from pollproof.verify.sending import DeadlineExceeded, TargetUnusable
from pollproof.verify.session import Session
from pollproof.verify.shrinking import ReplayTarget, shrink
from pollproof.verify.status_coverage import scripts_for, show
from pollproof.verify.target_clocks import BudgetSpent, ClockError
from pollproof.verify.targets import NotOpened, OpenTarget, open_target
from pollproof.verify.walks import WALKS
from pollproof.verify.walks.registry import SECOND_KEY
from pollproof.verify.work_units import WALKS_PART, Part

WALK_SECONDS = 900.0
"""Real seconds that the walks may take: some 3,500 exchanges, so a target that responds in 250 ms still ends them."""

MACHINE_SECONDS = {"quick": 30.0, "ci": 120.0, "deep": 1800.0}
"""Real seconds after which the state machine of a profile stops, so that a slow target does not hold up a run."""

NAMED_WALKS = 3
"""Walks without a clock that can be moved which a run names; the clauses that they would exercise are all named."""

RECENT = 10_000
"""Exchanges that are kept of a target that cannot be made anew: all of most runs, and 30 MB of one without end."""

HOOKED = (
    "times that are violated were measured by the clock hook; it must move the clock by exactly the seconds that it is "
    "sent, before it responds (no date in the responses follows that clock, so it cannot be seen whether it does)"
)
"""A note for violations that a hook which moves another amount of time would explain as well."""

ENOUGH = {"quick": 10, "ci": 10, "deep": 50}
"""Examples of the state machine that are made although a slow target has used up the seconds of the profile."""

EXAMPLE_SECONDS = 15.0
"""Real seconds after those of the state machine in which its last example ends, before it is cut short."""

SLOWER = 1.5
"""How much longer than was measured a slow target may take in another run."""


KnownClauses = Callable[[], frozenset[str]]
"""Gives the clauses that are known to be violated."""


def explore(
    plan: Plan,
    progress: Progress | None = None,
    provider: ReferenceProvider | None = None,
    until: frozenset[str] = frozenset(),
    result: Exploration | None = None,
) -> Exploration:
    """Explore the target of a plan. Raises TargetError for a URL that is none; all else stands in the result.

    `provider` replaces the embedded reference (a mutant or a legal variant of it): then it alone is judged, and no
    reference client. With `until` it goes on only until those clauses are violated. `result` is a `begin_exploration`
    that somebody watches while it grows, part by part.
    """
    result = begin_exploration(plan, client=provider is None) if result is None else result
    ledger = result.ledger
    known: frozenset[str] = frozenset()

    def onward(stage: str, exchanges: int, exercised: int) -> None:
        assert progress is not None
        earlier = sum(1 for entry in ledger.entries.values() if entry.exercised)
        progress(stage, result.exchanges + exchanges, max(earlier, exercised))

    for part in plan.parts:
        if until and until <= violated(result):
            break
        found = explore_part(
            plan,
            part,
            None if progress is None else onward,
            provider,
            lambda: known,  # noqa: B023 - called before the loop goes on
            until,
        )
        join(result, found)
        if part is WALKS_PART:
            known = violated(found)
        if found.error is not None:
            break
    return result


def walks_find(plan: Plan) -> frozenset[str]:
    """The clauses of which the walks show a violation, by walking."""
    return violated(explore_part(plan, WALKS_PART))


def explore_part(
    plan: Plan,
    part: Part,
    progress: Progress | None = None,
    provider: ReferenceProvider | None = None,
    known: KnownClauses | None = None,
    until: frozenset[str] = frozenset(),
) -> Exploration:
    """Explore one part of a plan, as `explore` does all of them.

    `known` gives the clauses that the walks find violated, which examples need not show again; it is called when
    one is about to be shown, and walks where nothing is given.
    """
    result = begin_exploration(plan, client=provider is None)
    started = time.monotonic()
    if part.examples:
        import pollproof.verify.state_machine  # noqa: F401 - Hypothesis takes its time to import: not while a target waits
    try:
        with open_target(plan, provider, plan.granted(part)) as found:
            _explore_target(found, result, part, progress, known, until, judges_client=provider is None)
    except NotOpened as error:
        result.error = str(error)
        result.complete = False
    result.seconds = time.monotonic() - started
    return result


def _explore_target(
    target: OpenTarget,
    result: Exploration,
    part: Part,
    progress: Progress | None,
    known: KnownClauses | None,
    until: frozenset[str],
    *,
    judges_client: bool,
) -> None:
    plan, ledger, clock, provider = result.spec, result.ledger, target.clock, target.provider
    contract = plan.contract
    recent = RECENT if provider is None else None
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.PROVIDER), ledger, recent=recent)
    monitor.silence_counts = target.moved
    result.clock = target.words
    stage = ["walk"]

    def observed() -> None:
        if progress is not None and session.exchanges % 50 == 0:
            exercised = sum(1 for entry in ledger.entries.values() if entry.exercised)
            progress(stage[0], session.exchanges, exercised)

    session = Session(
        target.target,
        clock,
        monitor,
        credential=plan.credential,
        sample=plan.sample,
        observed=observed,
        without=plan.policy.allowed,
    )
    session.second_credential = plan.second_credential
    session.movable = target.moved
    granted = 0.0 if target.moved else plan.budget
    preflight = None if provider is not None else Preflight(plan, target)
    try:
        if preflight is not None:
            preflight.run()
            session.given_before = preflight.tasks
        with _equipped(session, target, result, part):
            if part.walks:
                _walk(session, result, stage, granted, until, last=False)
            if part.examples:
                _explore(session, result, stage, part, provider, clock, known, until)
            if part.walks:
                _walk(session, result, stage, granted, until, last=True)
            if target.moved and ledger.violations and (judges_client or not until):
                stage[0] = "shorter traces"
                _shrink(session, target)
            if part.walks and judges_client and provider is not None:
                stage[0] = "every status"
                result.exchanges += _show(contract, clock, ledger)
                stage[0] = "reference client"
                judge_client(contract, ledger)
    except OSError as error:  # the port of the receiver of callbacks
        result.error = f"callbacks cannot be received at {plan.callback_url}: {error.strerror or error}"
        result.complete = False
    except (TargetUnusable, ClockError, PreflightFailed) as error:
        result.fail(f"{error}{target.last_words()}")
    result.notes += target.notes()
    ended_early = bool(until) and until <= violated(result)
    if part.walks and provider is None and session.unwalked and session.exchanges and not ended_early:
        names = ", ".join(each.name for each in session.create_operations if each.name in session.unwalked)
        result.notes.append(f"creating operations not walked: {names}")
    is_unseen = target.hook is not None and preflight is not None and not preflight.is_measured
    if is_unseen and any(_is_timed(entry.clause, contract) for entry in ledger.violated()):
        result.notes.append(HOOKED)
    result.exchanges += session.exchanges + (0 if preflight is None else preflight.exchanges)
    result.statuses = session.statuses
    result.solving += solving_times(monitor.account.tasks.values())


def _is_timed(clause: Clause, contract: Contract) -> bool:
    """Whether a clause is about a deadline."""
    sides = KINDS[clause.kind].sides
    return sides is not None and next(sides(contract, clause), None) is not None


@contextlib.contextmanager
def _equipped(session: Session, target: OpenTarget, result: Exploration, part: Part) -> Iterator[None]:
    """Give a session a receiver of callbacks and further connections, where it can have them.

    Raises OSError for a port in use.
    """
    with contextlib.ExitStack() as held:
        if target.connect is not None and part.walks:
            from pollproof.verify.connections import Connections  # takes its time to import

            session.connections = held.enter_context(contextlib.closing(Connections(target.connect, target.clock)))
        if session.callback_operation is not None:
            if target.provider is not None:
                session.callbacks = EmbeddedCallbacks(target.provider, target.clock)
            else:
                receiver = HttpCallbacks(target.clock, result.spec.callback_url)
                session.callbacks = held.enter_context(contextlib.closing(receiver))
        yield


def _shrink(session: Session, target: OpenTarget) -> None:
    """Make what was found shorter, on a target whose clock can be moved."""
    contract, provider = session.contract, target.provider

    numbers: dict[str, int] = {}

    def fresh(first: str) -> ReplayTarget:
        if provider is None:
            return ReplayTarget(target.target, target.clock)
        if first not in numbers:
            numbers[first] = provider.number_of(first)
        provider.restart(VirtualClock(), numbers[first])
        return ReplayTarget(target.target, provider.clock)

    def creation() -> Request:
        return session.request(session.create_operation, {"task": session.task(session.kinds[0])})

    try:
        shrink(contract, session.monitor.ledger, fresh, creation, probes=provider is not None)
    except (BudgetSpent, ClockError):
        pass  # what was found stays as it was found
    finally:
        if provider is not None:
            provider.restart(target.clock)


def _show(contract: Contract, clock: Clock, ledger: Ledger) -> int:
    """Show what the reference's own tasks have not come to, by a scripted one; how many exchanges."""
    scripts = scripts_for(contract, ledger.seen)
    if not scripts:
        return 0
    provider = ScriptedProvider(contract, clock, scripts)
    monitor = Monitor(Reader(contract), clauses_of(contract, Subject.PROVIDER), ledger)
    session = Session(InProcessTarget("the scripted reference", provider.handle), clock, monitor)
    show(session, scripts)
    return session.exchanges


def _walk(
    session: Session, result: Exploration, stage: list[str], granted: float, until: frozenset[str], *, last: bool
) -> None:
    started, before = time.monotonic(), session.exchanges
    limit = max(WALK_SECONDS, result.spec.budget)
    session.end = started + limit + granted
    unfinished: list[str] = []
    for walk in WALKS:
        if walk.last is not last or not walk.applies(session.contract):
            continue
        if walk.needs == SECOND_KEY and session.second_credential is None:
            continue
        if until and until <= violated(result):
            break
        stage[0] = walk.name.replace("-", " ")
        session.reached = set()
        try:
            walk.run(session)
            result.walks.append(walk.name)
            reasons = walk.unreached(session)
            result.unreached += reasons
            cause = "unexercised" if session.movable else "clock"
            result.cuts += [Cut(reason, cause) for reason in reasons]
        except DeadlineExceeded:
            pace = (time.monotonic() - started) / max(session.exchanges - before, 1)
            reason = (
                f"the walk '{walk.name}' was cut short: the walks had {limit:g} s of real time, and a request took "
                f"{pace:.2g} s; {_longer(pace * requests_of(session.contract))}"
            )
            result.cuts.append(Cut(reason, "time"))
            return
        except BudgetSpent:
            unfinished.append(walk.name)
    if unfinished:
        _note_unfinished(result, unfinished)


def _longer(seconds: float) -> str:
    """The option that gives a slow target as much real time as it needs."""
    return f"--max-wait {in_units(seconds * SLOWER)} gives it the time"


def _note_unfinished(result: Exploration, walks: Sequence[str]) -> None:
    """Note which walks need a clock that can be moved, and the clauses that they would have exercised."""
    clauses, needed = waits_of(result.spec.contract, frozenset(walks))
    hint = f"a movable clock (--launch, --advance-url) or --max-wait {in_units(needed)}"
    for identifier in clauses:
        result.idle.setdefault(identifier, Idle(f"it needs {hint}", "clock"))
    names = ", ".join(f"'{name}'" for name in walks[:NAMED_WALKS])
    more = f" and {len(walks) - NAMED_WALKS} more" if len(walks) > NAMED_WALKS else ""
    cut = f"{plural(len(walks), 'walk')} did not end within the wait of {in_units(result.spec.budget)}"
    result.cuts.append(Cut(f"{cut} ({names}{more}); they need {hint}", "clock"))


def _explore(
    session: Session,
    result: Exploration,
    stage: list[str],
    part: Part,
    provider: ReferenceProvider | None,
    clock: Clock,
    known: KnownClauses | None,
    until: frozenset[str],
) -> None:
    from pollproof.verify.example_db import NoDatabase, Shared, shared_at  # Hypothesis takes its time to import
    from pollproof.verify.state_machine import Effort, MachineExploration

    stage[0] = "state machine"
    plan = result.spec
    share = part.examples / plan.count
    seconds = MACHINE_SECONDS[plan.profile] * share
    enough = part.examples if plan.examples is not None else math.ceil(ENOUGH[plan.profile] * share)
    # The state machine keeps its own time from example to example; on a very slow target one could last for hours.
    started = time.monotonic()
    session.end = started + max(seconds, max(WALK_SECONDS, plan.budget) * share) + EXAMPLE_SECONDS
    if known is None and not part.walks:
        known = partial(walks_find, plan)

    def fresh() -> Session:
        if provider is not None and isinstance(clock, VirtualClock):
            result.solving += solving_times(session.monitor.account.tasks.values())
            provider.reset()
            session.reset()
        return session

    database: Shared | None = None
    if plan.example_db is not None:
        try:
            database = shared_at(plan.example_db, plan.contract.name, lambda: bool(result.ledger.violations))
        except NoDatabase as error:
            result.error, result.complete = str(error), False
            return
    exploration = MachineExploration(
        fresh,
        result.ledger,
        Effort(part.examples, seconds, part.seed(plan.seed), enough),
        known=known,
        until=until,
        database=database,
        replays=part.first == 0,  # in one part of a run, and not in each
    )
    try:
        exploration.run()
    finally:
        result.examples, result.moves = exploration.examples, exploration.moves
        took = time.monotonic() - started
        if exploration.cut_short:
            cause = "clock" if isinstance(exploration.stopped, BudgetSpent) else "time"
            hint = "" if cause == "clock" else f"; {_longer(took * enough / max(exploration.examples - 1, 1) / share)}"
            result.cuts.append(Cut(f"the state machine stopped early: {exploration.cut_short}{hint}", cause))
        if exploration.is_slow:
            made = f"{exploration.examples} of {part.examples} examples"
            reason = (
                f"the target is slow: {made} of the state machine were made in {took:.0f} s; "
                f"--examples {ENOUGH[plan.profile]} needs no more, --examples {plan.count} makes all, "
                f"{_longer(took * part.examples / exploration.examples / share)}"
            )
            result.cuts.append(Cut(reason, "time"))
        if database is not None and database.problem:
            result.notes.append(f"the example database stopped answering ({database.problem})")
