"""The catalogue: every scenario that follows from a contract. Nothing here knows a provider."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pollproof.clock import VirtualClock
from pollproof.codecs import codec_of
from pollproof.contract.model import Break, Contract, Effect, ErrorCode, Operation, Phase, Role
from pollproof.events import Answer, Reader
from pollproof.explore.client import NEVER
from pollproof.explore.session import Builder
from pollproof.gate.replies import Manner
from pollproof.gate.scenarios import Callback, Expects, Scenario, Turn
from pollproof.gate.staging import StagedProvider, task_of
from pollproof.reference.provider import Settings
from pollproof.trace import Exchange, Response

SOLVING = 5.0
"""Seconds that an ordinary task of the gate takes: within what every provider calls usual."""

USUAL = 30.0
"""Seconds that a slow but usual task takes, where no document says how long tasks take."""

PATIENCE = 120.0
"""Seconds after which a lawful client may have lost its patience, where no document limits the life of a task."""

UNKNOWN = "POLLPROOF_UNKNOWN"
"""A status that nobody documented."""

HUGE = 4 * 1024 * 1024
"""Characters of a huge answer."""

SLOW = 8.0
"""Seconds that a slow answer takes: below the time limits that clients have."""

HTML = b"<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>"

IDENTIFIERS = (("2-to-the-31", 2**31), ("2-to-the-53", 2**53 + 1), ("2-to-the-63", 2**63))
"""Ids at which numbers of some languages end."""


def scenarios(contract: Contract) -> list[Scenario]:
    """All scenarios of a contract; the first is the one that every working client passes."""
    catalogue = _Catalogue(contract)
    found = [scenario for part in _PARTS for scenario in part(catalogue)]
    names = [scenario.name for scenario in found]
    assert len(names) == len(set(names)), "scenarios have names of their own"
    return found


class _Catalogue:
    """What the parts of the catalogue share."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.create = contract.operation(Role.CREATE)
        self.poll = contract.operation(Role.POLL)
        self.fetch = contract.operation_of(Role.FETCH)
        self.kind = next(kind for kind in contract.kinds.values() if not kind.inline)
        self.wait = contract.limits.wait or 1.0
        first = contract.statuses[contract.path[0]]
        self.unfinished = Turn(last=1, phase=first.phase, status=first.value)
        self.life = tuple(self._life())
        self.codec = codec_of(contract.body, contract.namespace)

    def _life(self) -> Iterator[Turn]:
        """One question in each phase through which a task goes."""
        seen: set[Phase] = set()
        for word in self.contract.path:
            phase = self.contract.statuses[word].phase
            if not phase.terminal and phase not in seen:
                seen.add(phase)
                yield Turn(first=len(seen), last=len(seen), phase=phase, status=word)

    def scenario(self, name: str, text: str, expects: Expects, **more: Any) -> Scenario:
        """A scenario of an ordinary task, unless `more` says otherwise."""
        settings = more.pop("settings", Settings(solving=SOLVING))
        seconds = more.pop("seconds", (settings.solving or 0.0) + 2 * self.wait)
        return Scenario(name, text, expects, more.pop("kind", self.kind), seconds, settings, **more)

    def asked(self, name: str, text: str, expects: Expects, *turns: Turn, **more: Any) -> Scenario:
        """A scenario in which the first question finds the task unfinished, and then these turns happen.

        Whoever asks after them finds the task finished.
        """
        more.setdefault("settings", Settings(solving=0.0))
        last = max((turn.last for turn in turns), default=1)
        more.setdefault("seconds", self.wait * (6 if last > 100 else last + 2))
        return self.scenario(name, text, expects, turns=(*turns, self.unfinished), **more)

    def is_documented(self, *changes: Break, writing: Mapping[str, Any] | None = None, solved: bool = True) -> bool:
        """Whether answers that are changed in this way still say what the documents make of them.

        The task must be accepted, found in each phase of its life, and its solution be there in the end (if `solved`).
        """
        settings = Settings(solving=0.0, writing=writing or {})
        scenario = self.scenario("", "", Expects.EITHER, settings=settings, changes=changes, turns=self.life)
        count = len(self.life) + 1
        if self.fetch is None:
            return self._is_passed(scenario, [self.poll] * count, solved=solved)
        # Who asks how the task stands fetches its result in the end; others ask for nothing but the result.
        ways: list[list[Operation]] = [[*[self.poll] * count, self.fetch], [self.fetch] * count]
        return all(self._is_passed(scenario, way, solved=solved) for way in ways)

    def _is_passed(self, scenario: Scenario, questions: Sequence[Operation], *, solved: bool) -> bool:
        """Whether these questions, after a creation, are all answered as documented, and bring the token in the end."""
        contract = self.contract
        provider = StagedProvider(contract, VirtualClock(), scenario)
        reader = Reader(contract)
        text: str | None = None
        task: Any = None
        for operation in (self.create, *questions):
            words = {"task": task_of(scenario), "task_id": task}
            request = Builder(operation, contract, self.codec).build(contract.credential.sample, words)
            event = reader.read(Exchange(request, provider.play(request).response, 0.0, 0.0), 0)
            if event is None or event.answer is not Answer.STATE or event.response_errors or event.phase is Phase.OPEN:
                return False
            if operation is self.create:
                task = event.raw_task
            text = event.result_text
        return not solved or (text is not None and any(token in text for token in provider.tokens))

    def has_solution(self, *changes: Break) -> bool:
        """Whether answers that are changed in this way still hold the token of the task."""
        places = [self.poll.result, None if self.fetch is None else self.fetch.result]
        pointers = [place.pointer for place in places if place is not None and place.area == "body"]
        final = [change for change in changes if change.answer in ("", "succeeded")]
        touched = [pointer for change in final for pointer in (*change.remove, *dict(change.set))]
        return not any(pointer.startswith(touch) for pointer in pointers for touch in touched)

    def changed(self, name: str, text: str, *changes: Break) -> Scenario:
        """A scenario with changed answers: to be passed where they are still as documented."""
        known = self.is_documented(*changes)
        return self.scenario(
            name,
            text,
            Expects.SUCCESS if known else Expects.EITHER,
            changes=changes,
            settings=Settings(solving=0.0),
            turns=self.life,
            seconds=self.wait * (len(self.life) + 1),
        )

    def page(self, status: int, **headers: str) -> Response:
        """An answer in HTML, as gateways give it."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(status, {"Content-Type": "text/html", **own}, HTML)


Part = Callable[[_Catalogue], Iterator[Scenario]]
_PARTS: list[Part] = []


def _part(function: Part) -> Part:
    _PARTS.append(function)
    return function


def _kebab(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# ----------------------------------------------------------------------------------------- what goes well


@_part
def _ordinary(of: _Catalogue) -> Iterator[Scenario]:
    limits = of.contract.limits
    yield of.scenario(
        "smoke",
        "An ordinary task, ready after five seconds. Every client that works returns its solution.",
        Expects.SUCCESS,
    )
    yield of.scenario(
        "ready-at-once",
        "The first question finds the task ready. Its solution is returned.",
        Expects.SUCCESS,
        settings=Settings(solving=0.0),
    )
    yield of.asked(
        "ready-after-one-poll",
        "The second question finds the task ready. Its solution is returned.",
        Expects.SUCCESS,
    )
    usual = max((each.at_most for each in of.contract.observations if each.kind == "solving-time"), default=USUAL)
    yield of.scenario(
        "slow-but-usual",
        f"The task takes {usual:g} seconds, which is usual. A client waits for it.",
        Expects.SUCCESS,
        settings=Settings(solving=usual),
    )
    longest = limits.solving or PATIENCE
    if limits.lifetime is not None:
        longest = min(longest, limits.lifetime / 2)
    yield of.scenario(
        "longest-solving-time",
        f"The task takes {longest:g} seconds, as long as any may. A client that waits returns the solution; "
        "one that has lost its patience says so.",
        Expects.EITHER,
        settings=Settings(solving=longest),
    )


@_part
def _inline(of: _Catalogue) -> Iterator[Scenario]:
    for kind in of.contract.kinds.values():
        if kind.inline:
            yield of.scenario(
                "result-in-the-creation",
                "The creation's answer holds the solution. It is returned, and not asked for again.",
                Expects.SUCCESS,
                kind=kind,
                seconds=0.0,
            )
            return


@_part
def _statuses(of: _Catalogue) -> Iterator[Scenario]:
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
            yield of.asked(
                f"status-{_kebab(each.value)}",
                f"The task stands at {each.value}, of which no document says whether it is an end. "
                "A client may wait, and must not return it as a success for ever.",
                Expects.FAILURE,
                Turn(first=2, phase=each.phase, status=each.value),
            )
    place = of.create.status
    if place is not None and place.area == "body":
        first = of.contract.path[0]
        yield of.changed(
            f"status-{_kebab(first)}-in-the-creation",
            f"The creation's answer says {first}. That is no result: the task is asked for.",
            Break("", of.create.name, "created", set=((place.pointer, first),)),
        )


@_part
def _forms(of: _Catalogue) -> Iterator[Scenario]:
    """Answers in another form: the legal variants that the contract lists, and what no document names."""
    answers = ("created", "waiting", "running", "succeeded", "nothing")
    for variant in of.contract.variants:
        changes = tuple(
            change
            for change in variant.changes
            if change.answer in ("", *answers) and change.operation in ("", *of.contract.operations)
        )
        writing = variant.settings.get("writing")
        if not changes and not writing:
            continue
        if not of.has_solution(*changes):
            continue  # there would be no token to tell whether it was returned
        known = of.is_documented(*changes, writing=writing) and not any(_is_error(change) for change in changes)
        yield of.scenario(
            f"variant-{variant.name}",
            f"{variant.text} That is as lawful as any other way." if known else f"{variant.text} A client may give up.",
            Expects.SUCCESS if known else Expects.EITHER,
            changes=changes,
            settings=Settings(solving=0.0, writing=writing or {}),
            turns=of.life,
            seconds=of.wait * (len(of.life) + 1),
        )


def _is_error(change: Break) -> bool:
    """Whether an answer that is no refusal looks like one by its HTTP status: who gives up there does not err."""
    return change.http is not None and change.http >= 400


@_part
def _identifiers(of: _Catalogue) -> Iterator[Scenario]:
    echo = of.poll.echo
    if echo is not None and echo.area == "body":
        yield of.changed(
            "id-not-echoed",
            "Answers about the task do not repeat its id. The id that the creation gave is the one to go on with.",
            Break("", of.poll.name, remove=(echo.pointer,)),
        )
    form = of.contract.task_id["type"]
    if form not in ("integer", "digits"):
        return
    for name, number in IDENTIFIERS:
        safe = form == "digits" or number <= 2**53
        yield of.asked(
            f"id-{name}",
            f"The id of the task is {number}, " + ("a text of digits." if form == "digits" else "a number.")
            + " It is asked for digit by digit."
            + ("" if safe else " A client whose language has no such numbers may give up, and must not round."),
            Expects.SUCCESS if safe else Expects.EITHER,
            identifier=str(number) if form == "digits" else number,
        )  # fmt: skip


# ----------------------------------------------------------------------------------------- what goes wrong


@_part
def _failures(of: _Catalogue) -> Iterator[Scenario]:
    contract = of.contract
    yield of.scenario(
        "task-failed",
        "The task fails after five seconds. That is final, and reported as a failure.",
        Expects.FAILURE,
        fails=True,
    )
    for each in contract.statuses.values():
        if each.documented and each.phase in (Phase.FAILED, Phase.CANCELLED) and not each.value.endswith("*"):
            yield of.asked(
                f"status-{_kebab(each.value)}",
                f"The task ends as {each.value}. That is final, and reported as a failure.",
                Expects.FAILURE,
                Turn(first=2, phase=each.phase, status=each.value),
            )
    limits = contract.limits
    yield of.scenario(
        "never-ready",
        "The task is never finished. A client gives up within the limits of the documents, and says so.",
        Expects.FAILURE,
        settings=Settings(solving=NEVER),
        seconds=limits.lifetime or PATIENCE,
    )
    yield of.asked(
        "lost",
        "At the second question the task is gone. A client does not go on asking, and says so.",
        Expects.FAILURE,
        Turn(first=2, lost=True),
    )
    yield of.scenario(
        "expired",
        "The task is gone after three seconds, before it was ready. A client does not go on asking, and says so.",
        Expects.FAILURE,
        settings=Settings(solving=NEVER, lifetime=3.0),
    )
    if of.fetch is not None:
        yield of.asked(
            "result-gone",
            "The task is done, and its result is gone. A client says so.",
            Expects.FAILURE,
            Turn((Role.FETCH,), lost=True),
        )
    bare = _bare(of)
    if bare is not None and not of.is_documented(bare, solved=False):
        yield of.asked(
            "ready-without-a-solution",
            "The task is ready, and there is no solution. There is nothing to return, so it is no success.",
            Expects.FAILURE,
            changes=(bare,),
        )


def _bare(of: _Catalogue) -> Break | None:
    """The change that takes the solution out of an answer about a finished task."""
    place = of.poll.result
    if place is None or place.area != "body":
        return None
    return Break("", of.poll.name, "succeeded", remove=(place.pointer,))


_AFTER: dict[Effect, tuple[Expects, float, str]] = {
    Effect.FAILED: (Expects.FAILURE, math.inf, "the task has failed; that is final"),
    Effect.LOST: (Expects.FAILURE, math.inf, "the task is gone; that is final"),
    Effect.REFUSED: (Expects.FAILURE, math.inf, "the call was wrong; asking again helps nothing"),
    Effect.BLOCKED: (Expects.FAILURE, math.inf, "the account is blocked; a client gives up or waits long"),
    Effect.BUSY: (Expects.EITHER, 2, "the provider is busy; a client may wait and ask again, or give up"),
    Effect.RUNNING: (Expects.SUCCESS, 2, "the task merely goes on; a client waits and asks again"),
}


@_part
def _codes(of: _Catalogue) -> Iterator[Scenario]:
    for error in of.contract.errors.values():
        if error.operations and of.poll.name not in error.operations:
            continue
        expects, last, meaning = _AFTER[error.effect]
        for http in _statuses_of_errors(of.poll):
            yield of.asked(
                f"error-{_kebab(error.code)}-{http}",
                f"The second question is answered {error.code} with HTTP {http}: {meaning}.",
                expects,
                Turn(first=2, last=last, code=error.code, http=http),
            )


def _statuses_of_errors(operation: Operation) -> tuple[int, ...]:
    """The HTTP statuses with which an error code comes: in SOAP no other than 200, errors by HTTP are Faults there."""
    return (200,) if operation.element else (200, _refused_with(operation))


def _refused_with(operation: Operation) -> int:
    """The HTTP status from 400 on with which an operation is refused."""
    return max(operation.answers["refused"].http, 400)


@_part
def _refusals(of: _Catalogue) -> Iterator[Scenario]:
    codes: list[ErrorCode] = [
        error
        for error in of.contract.errors.values()
        if error.effect is Effect.REFUSED and (not error.operations or of.create.name in error.operations)
    ]
    own = _refused_with(of.create)
    cases = [(error.code, http) for error in codes for http in _statuses_of_errors(of.create)] or [
        ("", own),
        ("", 401),
        ("", 403),
    ]
    for code, http in cases:
        yield of.scenario(
            f"creation-refused-{_kebab(code) + '-' if code else ''}{http}",
            f"The creation is refused{f' with {code}' if code else ''}, HTTP {http}. There is no task to ask for; "
            "a client says so.",
            Expects.FAILURE,
            turns=(Turn((Role.CREATE,), code=code, http=http),),
            seconds=of.wait,
        )


@_part
def _faults(of: _Catalogue) -> Iterator[Scenario]:
    """Faults of SOAP, which come with HTTP 500 (SOAP 1.1, 6.2)."""
    if not of.poll.element:
        return
    body = of.codec.write({"Fault": {"faultcode": "SOAP-ENV:Server", "faultstring": "Something went wrong"}})
    fault = Response(500, {"Content-Type": of.codec.content_type}, body)
    yield of.asked(
        "fault-500",
        "From the second question on the answer is a SOAP Fault, HTTP 500. A client gives up in the end.",
        Expects.FAILURE,
        Turn(first=2, response=fault),
        seconds=of.contract.limits.lifetime or PATIENCE,
    )
    yield of.scenario(
        "creation-fault-500",
        "Every creation is answered with a SOAP Fault, HTTP 500. There is no task to ask for; a client says so.",
        Expects.FAILURE,
        turns=(Turn((Role.CREATE,), response=fault),),
        seconds=PATIENCE,
    )


@_part
def _unknown(of: _Catalogue) -> Iterator[Scenario]:
    yield of.asked(
        "unknown-status",
        f"The second and the third question find the status {UNKNOWN}, which no document has; then the task is "
        "ready. A client waits as ever, or gives up and says so.",
        Expects.EITHER,
        Turn(first=2, last=3, phase=Phase.RUNNING, status=UNKNOWN),
    )
    yield of.asked(
        "unknown-status-for-ever",
        f"From the second question on the status is {UNKNOWN}, which no document has. A client gives up in the end.",
        Expects.FAILURE,
        Turn(first=2, phase=Phase.RUNNING, status=UNKNOWN),
        seconds=of.contract.limits.lifetime or PATIENCE,
    )
    for value, status in of.contract.statuses.items():
        if value.endswith("*") and status.phase in (Phase.FAILED, Phase.CANCELLED):
            word = value[:-1] + "POLLPROOF_UNKNOWN"
            yield of.asked(
                f"status-{_kebab(word)}",
                f"The task ends as {word}, which no document has; its beginning says that it is an end.",
                Expects.FAILURE,
                Turn(first=2, phase=status.phase, status=word),
            )


# ------------------------------------------------------------------------- what goes wrong on the way


@_part
def _pages(of: _Catalogue) -> Iterator[Scenario]:
    for http in (500, 503):
        page = of.page(http)
        yield of.asked(
            f"html-{http}-once",
            f"The second question is answered with an HTML page, HTTP {http}. A client asks again after a while, or "
            "gives up and says so.",
            Expects.EITHER,
            Turn(first=2, last=2, response=page),
        )
        yield of.asked(
            f"html-{http}-for-ever",
            f"From the second question on there is an HTML page, HTTP {http}. A client gives up in the end.",
            Expects.FAILURE,
            Turn(first=2, response=page),
            seconds=of.contract.limits.lifetime or PATIENCE,
        )
    yield of.scenario(
        "creation-html-503-once",
        "The creation is answered with an HTML page, HTTP 503. A client tries again after a while, or gives up.",
        Expects.EITHER,
        turns=(Turn((Role.CREATE,), last=1, response=of.page(503)),),
    )
    yield of.scenario(
        "creation-html-503-for-ever",
        "Every creation is answered with an HTML page, HTTP 503. A client gives up in the end.",
        Expects.FAILURE,
        turns=(Turn((Role.CREATE,), response=of.page(503)),),
        seconds=PATIENCE,
    )
    for name, headers in (("rate-limited", {}), ("rate-limited-with-retry-after", {"Retry_After": "7"})):
        yield of.asked(
            name,
            "The second question is answered with HTTP 429"
            + (" and Retry-After: 7" if headers else "")
            + ". A client asks again after a while, or gives up and says so.",
            Expects.EITHER,
            Turn(first=2, last=2, response=of.page(429, **headers)),
        )
    yield of.asked(
        "rate-limited-for-ever",
        "From the second question on every answer is HTTP 429. A client gives up in the end.",
        Expects.FAILURE,
        Turn(first=2, response=of.page(429)),
        seconds=of.contract.limits.lifetime or PATIENCE,
    )


@_part
def _damage(of: _Catalogue) -> Iterator[Scenario]:
    kind = of.codec.content_type
    lawful = "A client asks again after a while, or gives up and says so."
    bodies = {
        "malformed-answer": ("an answer that cannot be read", b'{"errorId": 0, "status": "rea<'),
        "empty-answer": ("an answer without a body", b""),
    }
    for name, (words, body) in bodies.items():
        turn = Turn(first=2, last=2, response=Response(200, {"Content-Type": kind}, body))
        yield of.asked(name, f"The second question gets {words}. {lawful}", Expects.EITHER, turn)
    for name, words, manner in (
        ("truncated-answer", "is answered with half of the answer, and the connection ends", Manner.CUT),
        ("reset-connection", "is not answered: the connection is reset", Manner.RESET),
    ):
        turn = replace(of.unfinished, first=2, last=2, manner=manner)
        yield of.asked(name, f"The second question {words}. {lawful}", Expects.EITHER, turn)
    yield of.asked(
        "reset-for-ever",
        "From the second question on every connection is reset. A client gives up in the end.",
        Expects.FAILURE,
        replace(of.unfinished, first=2, last=math.inf, manner=Manner.RESET),
        seconds=of.contract.limits.lifetime or PATIENCE,
    )
    yield of.asked(
        "stale-connection",
        "After the first answer the connection ends without a word, as idle ones do. A client opens another one.",
        Expects.EITHER,
        replace(of.unfinished, manner=Manner.STALE),
    )
    yield of.scenario(
        "creation-reset",
        "The creation is not answered: the connection is reset. A client tries again, or gives up and says so.",
        Expects.EITHER,
        turns=(Turn((Role.CREATE,), last=1, manner=Manner.RESET),),
    )
    yield of.scenario(
        "creation-reset-for-ever",
        "Whoever creates a task finds the connection reset. A client gives up in the end.",
        Expects.FAILURE,
        turns=(Turn((Role.CREATE,), manner=Manner.RESET),),
        seconds=PATIENCE,
    )
    yield of.asked(
        "slow-answer",
        f"The second question is answered after {SLOW:g} seconds. A client waits for it, or asks again, or gives up.",
        Expects.EITHER,
        replace(of.unfinished, first=2, last=2, delay=SLOW),
    )
    yield of.asked(
        "huge-answer",
        f"The second question gets {HUGE // 1024 // 1024} MiB that say that the task goes on. A client reads it, or "
        "gives up and says so.",
        Expects.EITHER,
        replace(of.unfinished, first=2, last=2, padding=HUGE),
    )


# ------------------------------------------------------------------------------------- what comes by itself


@_part
def _callbacks(of: _Catalogue) -> Iterator[Scenario]:
    """Callbacks, for clients whose task names an address; others ask, and see an ordinary task."""
    if of.contract.operation_of(Role.CALLBACK) is None:
        return
    for name, callback, words in (
        ("callback", Callback.ONCE, "when the task has ended"),
        ("callback-before-the-creation-answer", Callback.EARLY, "before the creation is answered"),
        ("callback-twice", Callback.TWICE, "twice"),
        ("callback-misspelt", Callback.MISSPELT, "with a key misspelt as in the documented sample"),
    ):
        yield of.scenario(
            name,
            f"Where the task names an address, its callback comes {words}. Its results are returned, once.",
            Expects.SUCCESS,
            settings=Settings(solving=0.0 if callback is Callback.EARLY else SOLVING),
            callback=callback,
        )


@_part
def _batches(of: _Catalogue) -> Iterator[Scenario]:
    """Batches, for clients that can send them: POLLPROOF_TASK is the body of one."""
    operation = of.contract.operation_of(Role.BATCH)
    if operation is None:
        return
    for number, body in enumerate((operation.request, *operation.alternatives), 1):
        yield of.scenario(
            "batch" if number == 1 else f"batch-{number}",
            "POLLPROOF_TASK is a batch. A client that knows none says so.",
            Expects.EITHER,
            kind=replace(of.kind, sample=body),
        )
