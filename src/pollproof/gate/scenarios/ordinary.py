"""What goes well: tasks that are ready sooner or later, in every status on the way, with ids of every size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pollproof.clauses.faults import Settings
from pollproof.contract.model import Break, Phase
from pollproof.gate.basis import LEFT_OPEN, PRIMARY, Basis, Grounds, grounds_of
from pollproof.gate.scenario import Expects, Scenario, Turn
from pollproof.gate.scenarios.builder import CLIENT_PATIENCE, Catalogue, kebab

SLOW_BUT_USUAL = 30.0
"""Seconds that a slow but usual task takes, where no document states how long tasks take."""

LONGER_WAIT = 7.0
"""Seconds that a provider states in place of the usual wait."""

IDENTIFIERS = (("2-to-the-31", 2**31), ("2-to-the-53", 2**53 + 1), ("2-to-the-63", 2**63))
"""Ids at which numbers of some languages end."""


def ordinary(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario of a task that goes well."""
    yield from _times(of)
    yield from _stated_waits(of)
    yield from _inline(of)
    yield from _statuses(of)
    yield from _identifiers(of)


def _times(of: Catalogue) -> Iterator[Scenario]:
    limits = of.limits
    yield of.scenario(
        "smoke",
        "An ordinary task, ready after five seconds. Every client that works returns its solution.",
        Expects.SUCCESS,
    )
    yield of.scenario(
        "ready-at-once",
        "The first poll finds the task ready. Its solution is returned.",
        Expects.SUCCESS,
        settings=Settings(solving=0.0),
    )
    yield of.polled(
        "ready-after-one-poll",
        "The second poll finds the task ready. Its solution is returned.",
        Expects.SUCCESS,
    )
    times = [each for each in of.contract.observations if each.kind == "solving-time"]
    usual = max((each.at_most for each in times), default=SLOW_BUT_USUAL)
    yield of.scenario(
        "slow-but-usual",
        f"The task takes {usual:g} seconds, which is usual. A client waits for it.",
        Expects.SUCCESS,
        settings=Settings(solving=usual),
        grounds=grounds_of(citation for each in times for citation in each.citations),
    )
    longest = limits.solving or CLIENT_PATIENCE
    if limits.lifetime is not None:
        longest = min(longest, limits.lifetime / 2)
    yield of.scenario(
        "longest-solving-time",
        f"The task takes {longest:g} seconds, as long as any may. A client that waits returns the solution; "
        "one that has lost its patience reports it.",
        Expects.EITHER,
        settings=Settings(solving=longest),
    )


def _stated_waits(of: Catalogue) -> Iterator[Scenario]:
    """A provider that states a longer wait than usual, where a client is bound to wait as long as it says."""
    marks = of.poll.marks
    place = marks.get("retry_after", marks.get("retry_after_ms"))
    if place is None or not any(clause.kind == "retry-after-kept" for clause in of.contract.clauses):
        return
    stated = LONGER_WAIT * (1 if "retry_after" in marks else 1000)
    if place.area == "header":
        change = Break("", of.poll.name, headers=((place.steps[0], f"{stated:g}"),))
    else:
        change = Break("", of.poll.name, set=((place.pointer, int(stated)),))
    yield of.scenario(
        "longer-wait-stated",
        f"Each response about the unfinished task states a wait of {LONGER_WAIT:g} seconds. A client waits as long.",
        Expects.SUCCESS,
        settings=Settings(solving=3 * LONGER_WAIT),
        changes=tuple(replace(change, answer=name) for name in ("waiting", "running") if name in of.poll.answers),
        grounds=of.of_kind("retry-after-kept"),
    )


def _inline(of: Catalogue) -> Iterator[Scenario]:
    for kind in of.contract.kinds.values():
        if kind.inline:
            yield of.scenario(
                "result-in-the-creation",
                "The response to the creation holds the solution. It is returned, and not polled for.",
                Expects.SUCCESS,
                kind=kind,
                grounds=of.of_kind("no-poll-after-inline"),
                seconds=0.0,
            )
            return


def _statuses(of: Catalogue) -> Iterator[Scenario]:
    known = [each for each in of.contract.statuses.values() if each.documented and not each.value.endswith("*")]
    words = [each for each in known if each.phase in (Phase.WAITING, Phase.RUNNING)]
    turns = [
        Turn(first=number, last=number, phase=each.phase, status=each.value) for number, each in enumerate(words, 1)
    ]
    yield of.scenario(
        "every-unfinished-status",
        f"The task goes through {', '.join(each.value for each in words)}. None of them is an end; then it is ready.",
        Expects.SUCCESS,
        settings=Settings(solving=0.0),
        turns=tuple(turns),
        seconds=of.wait * (len(turns) + 1),
    )
    for each in known:
        if each.phase is Phase.OPEN:
            yield of.polled(
                f"status-{kebab(each.value)}",
                f"The task stands at {each.value}, which no document calls final or not. "
                "A client may wait, and must not return it as a success at any time.",
                Expects.FAILURE,
                Turn(first=2, phase=each.phase, status=each.value),
                grounds=LEFT_OPEN,
            )
    place = of.create.status
    if place is not None and place.area == "body":
        first = of.contract.path[0]
        yield of.changed(
            f"status-{kebab(first)}-in-the-creation",
            f"The response to the creation has the status {first}. That is not a result: the task is polled.",
            Break("", of.create.name, "created", set=((place.pointer, first),)),
            grounds=PRIMARY if _has(of.create.answers["created"].body, place.pointer) else LEFT_OPEN,
        )


def _identifiers(of: Catalogue) -> Iterator[Scenario]:
    echo = of.poll.echo
    if echo is not None and echo.area == "body":
        yield of.changed(
            "id-not-echoed",
            "Responses about the task do not repeat its id. The client goes on with the id that the creation gave.",
            Break("", of.poll.name, remove=(echo.pointer,)),
            grounds=_without_echo(of, echo.pointer),
        )
    form = of.contract.task_id["type"]
    if form not in ("integer", "digits"):
        return
    for name, number in IDENTIFIERS:
        safe = form == "digits" or number <= 2**53
        yield of.polled(
            f"id-{name}",
            f"The id of the task is {number}, " + ("a text of digits." if form == "digits" else "a number.")
            + " Polls carry it digit by digit."
            + ("" if safe else " A client whose language has no such numbers may give up, and must not round."),
            Expects.SUCCESS if safe else Expects.EITHER,
            identifier=str(number) if form == "digits" else number,
            grounds=PRIMARY if form == "digits" else LEFT_OPEN,
        )  # fmt: skip


def _has(body: object, pointer: str) -> bool:
    """Whether a template has a field at this place."""
    for name in pointer.split("/")[1:]:
        if not isinstance(body, dict) or name not in body:
            return False
        body = body[name]
    return True


def _without_echo(of: Catalogue, pointer: str) -> Grounds:
    """What responses without the id rest on: the variants that leave it out."""
    found = [
        of.of_variant(each) for each in of.contract.variants for change in each.changes if pointer in change.remove
    ]
    return min(found, key=lambda grounds: list(Basis).index(grounds.basis), default=LEFT_OPEN)
