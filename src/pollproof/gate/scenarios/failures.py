"""What goes wrong with a task: it fails, is lost, never ready or without a solution, or its status is unknown."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.clauses.faults import Settings
from pollproof.contract.model import Break, Phase, Role
from pollproof.gate.basis import HAPPENS, LEFT_OPEN
from pollproof.gate.scenario import NEVER_SOLVED, Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import Catalogue, kebab, sample_parts

MADE_UP_STATUS = "POLLPROOF_UNKNOWN"
"""A status that nobody documented."""


def failures(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of a task that comes to nothing."""
    yield from _ends(of)
    yield from _without_solutions(of)
    yield from _in_other_words(of)
    yield from _unknown(of)


def _ends(of: Catalogue) -> Iterator[Scenario]:
    """Tasks that fail, are lost, or are never ready."""
    contract = of.contract
    yield of.scenario(
        "task-failed",
        "The task fails after five seconds. That is final, and reported as a failure.",
        Expects.FAILURE,
        fails=True,
    )
    yield of.scenario(
        "failed-at-once",
        "The first poll finds the task failed. That is final, and reported as a failure.",
        Expects.FAILURE,
        settings=Settings(solving=0.0),
        fails=True,
    )
    known = [each for each in contract.statuses.values() if each.documented and not each.value.endswith("*")]
    for phase in (Phase.FAILED, Phase.CANCELLED):
        own = [each.value for each in known if each.phase is phase]
        for word in own:
            yield of.polled(
                f"status-{kebab(word)}",
                f"The task ends as {word}. That is final, and reported as a failure.",
                Expects.FAILURE,
                Turn(first=2, phase=phase, status=word),
                adds=sample_parts(f"status {phase.value}", "in any word", word, own),
            )
    yield of.scenario(
        "never-ready",
        "The task is never finished. A client gives up within the documented limits, and reports it.",
        Expects.FAILURE,
        settings=Settings(solving=NEVER_SOLVED),
        seconds=of.patience,
        grounds=of.of_patience,
    )
    yield of.polled(
        "lost",
        "At the second poll the task is lost. A client stops polling, and reports it.",
        Expects.FAILURE,
        Turn(first=2, lost=True),
        grounds=of.of_loss,
    )
    yield of.scenario(
        "expired",
        "The task is lost after three seconds, before it was ready. A client stops polling, and reports it.",
        Expects.FAILURE,
        settings=Settings(solving=NEVER_SOLVED, lifetime=3.0),
        seconds=3.0 + 2 * of.wait,
        grounds=of.of_loss,
    )
    if of.fetch is not None:
        yield of.polled(
            "result-gone",
            "The task is done, and its result is lost. A client reports it.",
            Expects.FAILURE,
            Turn((Role.FETCH,), lost=True),
            grounds=LEFT_OPEN,
        )


def _without_solutions(of: Catalogue) -> Iterator[Scenario]:
    """Tasks that are ready, and there is nothing to return."""
    if of.fetch is not None:
        never = Turn((Role.FETCH,), phase=of.unfinished.phase, status=of.unfinished.status)
        yield _unsolved(of, "ready-without-a-solution", "its result is never there", never)
    for name, words, change in _empty_results(of):
        if not of.is_result(change):
            yield _unsolved(of, name, words, changes=(change,))


def _unsolved(of: Catalogue, name: str, words: str, *turns: Turn, changes: tuple[Break, ...] = ()) -> Scenario:
    text = f"The task is ready, and {words}. There is nothing to return, so it is not a success."
    return of.polled(name, text, Expects.FAILURE, *turns, changes=changes, seconds=of.patience, grounds=HAPPENS)


def _empty_results(of: Catalogue) -> Iterator[tuple[str, str, Break]]:
    """The ways in which a response about a finished task can be without its solution: name, words, and the change."""
    operation = of.poll if of.fetch is None else of.fetch
    place = operation.result
    if place is None or place.area != "body":
        return
    if of.fetch is None:
        bare = Break("", operation.name, "succeeded", remove=(place.pointer,))
        yield "ready-without-a-solution", "there is no solution", bare
    if of.contract.body == "json":
        null = Break("", operation.name, "succeeded", set=((place.pointer, None),))
        yield "ready-with-a-null-solution", "its solution is null", null
    if isinstance(of.kind.result, list):
        empty = Break("", operation.name, "succeeded", set=((place.pointer, []),))
        yield "ready-with-an-empty-list", "its result is an empty list", empty


def _in_other_words(of: Catalogue) -> Iterator[Scenario]:
    """The end of a task in another form: the legal variants that the contract lists."""
    used = {operation.name for operation in (of.poll, of.fetch) if operation is not None}
    for variant in of.contract.variants:
        changes = tuple(each for each in variant.changes if each.operation in used or not each.operation)
        touched = {change.answer for change in changes}
        for answer, turn in (("lost", Turn(first=2, lost=True)), ("failed", Turn(first=2, phase=Phase.FAILED))):
            if answer not in touched:
                continue
            end = "is gone" if answer == "lost" else "has failed"
            yield of.polled(
                f"{'gone' if answer == 'lost' else answer}-{variant.name}",
                f"The second poll finds that the task {end}, in another form: {variant.text} That is final.",
                Expects.FAILURE,
                turn,
                changes=tuple(change for change in changes if change.answer == answer),
                grounds=of.of_variant(variant),
            )
            break  # one way to end shows the form


def _unknown(of: Catalogue) -> Iterator[Scenario]:
    yield of.polled(
        "unknown-status",
        f"The second and the third poll find the status {MADE_UP_STATUS}, which no document has; then the task is "
        "ready. A client goes on as before, or gives up and reports it.",
        Expects.EITHER,
        Turn(first=2, last=3, phase=Phase.RUNNING, status=MADE_UP_STATUS),
        grounds=HAPPENS,
        adds=frozenset({"unknown status"}),
    )
    yield of.polled(
        "unknown-status-for-ever",
        f"From the second poll on the status is {MADE_UP_STATUS}, which no document has. A client gives up in the end.",
        Expects.FAILURE,
        Turn(first=2, phase=Phase.RUNNING, status=MADE_UP_STATUS),
        seconds=of.patience,
        grounds=HAPPENS,
        adds=frozenset({"unknown status", "unknown status without end"}),
    )
    for value, status in of.contract.statuses.items():
        if value.endswith("*") and status.phase in (Phase.FAILED, Phase.CANCELLED):
            word = value[:-1] + "POLLPROOF_UNKNOWN"
            yield of.polled(
                f"status-{kebab(word)}",
                f"The task ends as {word}, which no document has; its beginning means an end.",
                Expects.FAILURE,
                Turn(first=2, phase=status.phase, status=word),
                grounds=HAPPENS,
            )
