"""What the families of scenarios share."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pollproof.clauses.faults import Settings
from pollproof.clauses.kinds import limits_of_client
from pollproof.clock import VirtualClock
from pollproof.contract.model import Break, Contract, Operation, Phase, Role, Variant
from pollproof.contract.sources import Citation
from pollproof.gate.basis import LEFT_OPEN, PRIMARY, Grounds, grounds_of
from pollproof.gate.scenario import ENDLESS_LIFETIME, Expects, Scenario, Turn
from pollproof.gate.scenario_provider import StagedProvider, task_of
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import Answer, Event
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import Reader
from pollproof.verify.request_builder import Builder

USUAL_SOLVING = 5.0
"""Seconds that an ordinary task of the gate takes: within the usual time of every provider."""

CLIENT_PATIENCE = 120.0
"""Seconds after which a conforming client may have lost its patience, where no document limits the life of a task."""

ANY_POLLS = 10**9
"""Polls of a task that get a response where no limit is to end it."""

RETRIES = "A client retries after a pause, or gives up and reports it."
"""What a client does after a response that has nothing about its task."""

IN_THE_END = "A client gives up in the end."


class Catalogue:
    """What the families share: the contract, an ordinary task, and ways to write a scenario about one."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.create = contract.operation(Role.CREATE)
        self.poll = contract.operation(Role.POLL)
        self.fetch = contract.operation_of(Role.FETCH)
        self.kind = next(kind for kind in contract.kinds.values() if not kind.inline)
        self.limits = limits_of_client(contract)
        self.wait = self.limits.wait or 1.0
        first = contract.statuses[contract.path[0]]
        self.unfinished = Turn(last=1, phase=first.phase, status=first.value)
        self.life = tuple(self._life())
        self.codec = codec_of(contract)
        self.samples = tuple(change for each in contract.variants if each.sample for change in each.changes)
        self.patience = self.limits.lifetime or CLIENT_PATIENCE

    def _life(self) -> Iterator[Turn]:
        """One poll in each phase through which a task goes."""
        seen: set[Phase] = set()
        for word in self.contract.path:
            phase = self.contract.statuses[word].phase
            if not phase.terminal and phase not in seen:
                seen.add(phase)
                yield Turn(first=len(seen), last=len(seen), phase=phase, status=word)

    def scenario(self, name: str, text: str, expects: Expects, **more: Any) -> Scenario:
        """A scenario of an ordinary task unless `more` has another; its responses look as the documents show them."""
        settings = more.pop("settings", Settings(solving=USUAL_SOLVING))
        seconds = more.pop("seconds", (settings.solving or 0.0) + 2 * self.wait)
        if expects is Expects.FAILURE and settings.lifetime is None:
            # The provider must not end the client's loop: the task stays as it is beyond every documented limit.
            settings = replace(settings, lifetime=ENDLESS_LIFETIME, polls=ANY_POLLS)
        changes = (*self.samples, *more.pop("changes", ()))
        return Scenario(name, text, expects, more.pop("kind", self.kind), seconds, settings, changes, **more)

    def polled(self, name: str, text: str, expects: Expects, *turns: Turn, **more: Any) -> Scenario:
        """A scenario in which the first poll finds the task unfinished, and then these turns happen.

        A later poll finds the task finished.
        """
        more.setdefault("settings", Settings(solving=0.0))
        last = max((turn.last for turn in turns), default=1)
        more.setdefault("seconds", self.wait * (6 if last > 100 else last + 2))
        return self.scenario(name, text, expects, turns=(*turns, self.unfinished), **more)

    def is_documented(self, *changes: Break, writing: Mapping[str, Any] | None = None, solved: bool = True) -> bool:
        """Whether responses that are changed in this way still mean what they mean in the documents.

        The task must be accepted, found in each phase of its life, and its solution be there in the end (if `solved`).
        """
        settings = Settings(solving=0.0, writing=writing or {})
        scenario = self.scenario("", "", Expects.EITHER, settings=settings, changes=changes, turns=self.life)
        count = len(self.life) + 1
        if self.fetch is None:
            return self._is_passed(scenario, [self.poll] * count, solved=solved)
        # A client that polls the state fetches the result in the end; another one polls the result alone.
        ways: list[list[Operation]] = [[*[self.poll] * count, self.fetch], [self.fetch] * count]
        return all(self._is_passed(scenario, way, solved=solved) for way in ways)

    def _is_passed(self, scenario: Scenario, requests: Sequence[Operation], *, solved: bool) -> bool:
        """Whether these requests, after a creation, all get documented responses, and the token in the end."""
        event, tokens = self._last_event(scenario, requests)
        if event is None:
            return False
        text = event.result_text
        return not solved or (text is not None and any(token in text for token in tokens))

    def _last_event(self, scenario: Scenario, requests: Sequence[Operation]) -> tuple[Event | None, Collection[str]]:
        """What the last of these requests gets after a creation, and the tokens; None if a response is undocumented."""
        contract = self.contract
        provider = StagedProvider(contract, VirtualClock(), scenario)
        reader = Reader(contract)
        event: Event | None = None
        task: Any = None
        for operation in (self.create, *requests):
            words = {"task": task_of(scenario), "task_id": task}
            request = Builder(operation, contract).build(contract.credential.sample, words)
            event = reader.read(Exchange(request, provider.play(request).response, 0.0, 0.0), 0)
            if event is None or event.answer is not Answer.STATE or event.response_errors or event.phase is Phase.OPEN:
                return None, ()
            if operation is self.create:
                task = event.raw_task
        return event, provider.tokens

    def is_result(self, change: Break) -> bool:
        """Whether a fetched result that is changed in this way is still a result by the documents."""
        if self.fetch is None:
            return self.is_documented(change, solved=False)
        scenario = self.scenario("", "", Expects.EITHER, settings=Settings(solving=0.0), changes=(change,))
        event, _ = self._last_event(scenario, [self.poll, self.fetch])
        return event is not None and event.phase is Phase.SUCCEEDED and event.result is not None

    def has_solution(self, *changes: Break) -> bool:
        """Whether responses that are changed in this way still hold the token of the task."""
        places = [self.poll.result, None if self.fetch is None else self.fetch.result]
        pointers = [place.pointer for place in places if place is not None and place.area == "body"]
        final = [change for change in changes if change.answer in ("", "succeeded")]
        touched = [pointer for change in final for pointer in (*change.remove, *dict(change.set))]
        return not any(pointer.startswith(touch) for pointer in pointers for touch in touched)

    def of_variant(self, variant: Variant) -> Grounds:
        """What a legal variant rests on: the documented samples, the places that it cites, or what is left open."""
        return PRIMARY if variant.sample else grounds_of(variant.citations)

    def of_kind(self, name: str) -> Grounds:
        """What the clauses of a kind rest on; left open where the contract has none."""
        return grounds_of(self._citations(name))

    def _citations(self, kind: str) -> Iterator[Citation]:
        for clause in self.contract.clauses:
            if clause.kind == kind:
                yield from clause.citations

    @property
    def of_loss(self) -> Grounds:
        """What the response to a poll of a lost task rests on."""
        return PRIMARY if self.contract.refusals.lost_task else LEFT_OPEN

    @property
    def of_patience(self) -> Grounds:
        """What it rests on that a client gives up a task that never ends: a documented bound."""
        limits = self.contract.limits
        bounded = any(clause.kind == "finishes" for clause in self.contract.clauses)
        return PRIMARY if bounded or limits.polls is not None or limits.lifetime is not None else LEFT_OPEN

    def changed(self, name: str, text: str, *changes: Break, grounds: Grounds = LEFT_OPEN) -> Scenario:
        """A scenario with changed responses: to be passed where they are still as documented."""
        known = self.is_documented(*changes)
        return self.scenario(
            name,
            text,
            Expects.SUCCESS if known else Expects.EITHER,
            changes=changes,
            grounds=grounds,
            settings=Settings(solving=0.0),
            turns=self.life,
            seconds=self.wait * (len(self.life) + 1),
        )


def sample_parts(what: str, form: object, word: str, words: Sequence[str]) -> frozenset[str]:
    """What a scenario adds to a sample of those that differ in a word alone: what happens in that form, such as an HTTP
    status, and the word where it is the first or the last of `words`.
    """
    return frozenset({f"{what} {form}", *({f"{what}: {word}"} if word in (words[0], words[-1]) else ())})


def kebab(text: str) -> str:
    """A text as part of the name of a scenario."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def refused_with(operation: Operation) -> int:
    """The HTTP status from 400 on with which an operation is refused."""
    return max(operation.answers["refused"].http, 400)
