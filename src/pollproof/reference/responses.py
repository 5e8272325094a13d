"""The responses of the reference provider: the contract's answer templates, filled."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any

from pollproof.clauses.faults import Settings, Task
from pollproof.clock import Clock
from pollproof.contract.model import Break, Contract, Operation, Pages, Phase, ReferenceResponse, Role
from pollproof.contract.places import MISSING, View, compile_place, follow_steps, parse_place, whole_number
from pollproof.contract.requests import query_of
from pollproof.contract.templates import names_in_template, with_value
from pollproof.reference.answers import Template, change
from pollproof.reference.moments import EPOCH_SECONDS
from pollproof.reference.task_store import TaskStore
from pollproof.trace.bodies import load_json
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import NOTHING
from pollproof.trace.exchange import Response
from pollproof.trace.pages import body_place, without_parameter

_WHOLE = re.compile(r"-?[1-9][0-9]{0,17}|0")
_EMPTY = View(MISSING, MISSING, NOTHING, NOTHING, NOTHING, None)


class Responder(TaskStore):
    """Fills answer templates. `changes` are departures of the templates."""

    def __init__(
        self, contract: Contract, clock: Clock, settings: Settings | None = None, changes: Iterable[Break] = ()
    ) -> None:
        super().__init__(contract, clock, settings)
        self.base_url = contract.base_url  # a server puts its own address here
        self._codec, self._request_codec = codec_of(contract), codec_of(contract, "request")
        operations = contract.operations
        departures = tuple(changes)
        self._changed_headers = {name.lower() for departure in departures for name, _ in departure.headers}
        templates = {
            (operation.name, name): change(answer, operation.name, name, departures)
            for operation in operations.values()
            for name, answer in operation.answers.items()
        }
        # Where a mutant or a variant answers with another HTTP status, the one of the error code does not count; nor
        # does it where the response has a status and no code.
        self._broken = {
            key
            for key, each in templates.items()
            if each.http != operations[key[0]].answers[key[1]].http or _states(each)
        }
        callback = contract.operation_of(Role.CALLBACK)
        own = {callback.name: self._request_codec} if callback is not None else {}
        self._answers = {
            key: Template(answer, own.get(key[0], self._codec), self.settings.writing)
            for key, answer in templates.items()
        }
        # Dates, progress and parameters cost time at every response, so they are made only where a template asks.
        needed = set().union(*(names_in_template([each.body, dict(each.headers)]) for each in templates.values()))
        self._detailed = any(name.endswith("_at") or name.partition(".")[0] in ("progress", "asked") for name in needed)
        places = [name for name in needed if "#" in name or name.startswith("request.")]
        self._requested = {name: _with_default(name) for name in places}
        self._states_wait, self._wait = bool({"retry_after", "retry_date"} & needed), 1
        self.given: set[tuple[str, str]] = set()
        self._is_unique, self._filled = "unique" in needed, 0
        self._fetches = contract.operation_of(Role.FETCH) is not None
        kept = {"result-kept", "result-removed"}
        self._retentions = [each.parameters for each in contract.clauses if each.kind in kept]
        self._requested_path, self._view = "", _EMPTY

    def fill(self, operation: Operation, name: str, task: Task | None, status: str, code: str = "") -> Response:
        if (operation.name, name) not in self._answers:
            name = "refused"
            if (operation.name, name) not in self._answers:
                return plain_response(400, "refused")
        self.given.add((operation.name, name))
        words = self.words(task, status, code)
        if task is not None and operation.pages is not None and operation.answers[name].http < 400:
            words |= self._page_words(operation.pages, words["result"])
        entry = self.contract.errors.get(code)
        http = None if entry is None or (operation.name, name) in self._broken else entry.http
        words["http"] = self._answers[operation.name, name].http if http is None else http
        response = self._answers[operation.name, name].fill(words)
        if task is not None and name == "succeeded" and self._retentions and operation.role is Role.POLL:
            response = self._without_removed(operation, response, task)
        return response if http is None or http == response.status else response._replace(status=http)

    def words(self, task: Task | None, status: str, code: str = "") -> dict[str, Any]:
        """The words that answer templates can have in them."""
        entry = self.contract.errors.get(code)
        words: dict[str, Any] = {
            "status": status,
            "error_code": code,
            "error_number": int(code) if _WHOLE.fullmatch(code) else code,
            "error_text": code if entry is None else entry.text,
            "base_url": self.base_url,
            "timestamp": EPOCH_SECONDS + int(self.clock.now()),
        }
        if self._is_unique:
            self._filled += 1
            words["unique"] = f"{self._filled:08x}-0000-4000-8000-{EPOCH_SECONDS:012x}"
        if self._states_wait:
            words["retry_after"] = self._wait
            words["retry_date"] = formatdate(words["timestamp"] + self._wait, usegmt=True)
        for name, (read, default) in self._requested.items():
            value = read(self._view._replace(creation=MISSING if task is None else task.creation))
            words[name] = default if value is MISSING else value
        if task is not None:
            words["task_id"] = task.id
            words["result"] = self.result(task)
            words |= task.ids
            words |= task.kind.words
            words["polls"] = task.polls
            for name, by_status in self.contract.words.items():
                words[name] = self._word_of(by_status.get(status), task, status)
            if self._detailed:
                now = self.clock.now()
                if status == self.contract.path[0] and task.created + task.solving <= now:
                    now = math.nextafter(task.created, -math.inf)  # its creation, though it is done at once
                share = 0.0 if now < task.created else 1.0
                share = min((now - task.created) / task.solving, 1.0) if task.solving else share
                words["created_at"] = self.moment(task.created)
                words["updated_at"] = self.moment(self.updated(task, now))
                words |= self.times(task, now)
                scaled = self.progress(task, share) * self.contract.progress / 100
                words["progress"] = int(scaled) if self.contract.progress > 1 else scaled
                words["asked"] = task.creation
        return words

    def _word_of(self, value: Any, task: Task, status: str) -> Any:
        """The word that a status gives; of a list the one that the time in that status has come to."""
        if not isinstance(value, list) or not value:
            return value
        path = self.contract.path[:-1]
        share = (self.clock.now() - task.created) / task.solving if task.solving else 1.0
        share = share * len(path) - (path.index(status) if status in path else 0)
        return value[min(max(int(share * len(value)), 0), len(value) - 1)]

    def _page_words(self, pages: Pages, result: Any) -> dict[str, Any]:
        """The words of the page that the request at hand is for."""
        items = result if isinstance(result, list) else []
        given = {name.removeprefix("?"): text for name, text in query_of(self._requested_path).items()}
        wanted, name = whole_number(given.get(pages.size, "")), pages.parameter or "page_token"
        size = pages.usual if wanted is None else min(max(wanted, 1), pages.most)
        place = body_place(pages)
        wanted_in_body = None if place is None else follow_steps(self._view.request, place.steps)
        digits = (str(wanted_in_body or "") if place is not None else given.get(name, "")).removeprefix("p")
        number = whole_number(digits)
        if number is None:
            number = pages.first if pages.counts == "pages" else 0
        start = (number - pages.first) * size if pages.counts == "pages" else number
        part, after = self.page(items, start, size)
        token = None if after is None else f"p{after}"
        kept = without_parameter(self._requested_path, name)
        address = f"{self.contract.base_url}{kept}{'&' if '?' in kept else '?'}{name}={token}"
        words = {"items": part, "cursor": token, "total": len(items), "page_size": size, "page_count": len(part)}
        return {**words, "next": None if token is None else address}

    def page(self, items: list[Any], start: int, size: int) -> tuple[list[Any], int | None]:
        after = start + size
        return items[start:after], after if after < len(items) else None

    def _without_removed(self, operation: Operation, response: Response, task: Task) -> Response:
        """A response without the results that are not kept any more."""
        now = self.clock.now()
        for rule in self._retentions:
            began = self._began(task, rule.within.lifetime_from)
            if rule.at is None or not self._has_expired(task, rule.at.text, now - began > self.kept_for(rule.seconds)):
                continue
            if rule.operation and operation.name not in rule.operation:
                continue
            body = self._codec.read(response.body)
            if rule.read(View(body, body, NOTHING, NOTHING, NOTHING, None)) is not MISSING:
                response = self.rewritten(response, rule.at.pointer, None)
        return response

    def read(self, response: Response) -> Any:
        return self._codec.read(response.body)

    def rewritten(self, response: Response, pointer: str, value: Any) -> Response:
        return response._replace(body=self._codec.write(with_value(self.read(response), pointer, value)))

    def state(self, operation: Operation, task: Task, phase: Phase) -> Response:
        if phase is Phase.FAILED:
            return self.fill(operation, "failed", task, self.word(phase), self.contract.refusals.failed_task)
        if phase is Phase.CANCELLED:
            return self.fill(operation, "cancelled", task, self.word(phase))
        if phase is Phase.SUCCEEDED:
            task.reads += not self._fetches
            name = "removed" if (operation.name, "removed") in self._answers and self._is_removed(task) else "succeeded"
            return self.fill(operation, name, task, self.contract.path[-1])
        return self.fill(operation, phase.value, task, self.unfinished(task, phase))

    def lost(self, operation: Operation, task: Task) -> Response:
        return self.fill(operation, "lost", task, "", self.contract.refusals.lost_task)

    def unknown(self, operation: Operation, identifier: Any) -> Response:
        refusals, ill_formed = self.contract.refusals, self.contract.task_id.get("ill_formed", ())
        known = ("unknown", "lost", "refused")
        name = next(each for each in known if (operation.name, each) in self._answers or each == "refused")
        if identifier in ill_formed and self.rejects("ill-formed-task"):
            if refusals.ill_formed_task:
                return self.refuse(operation, refusals.ill_formed_task)
            return self.fill(operation, name, None, "", refusals.unknown_task)
        return self.fill(operation, name, None, "", refusals.unknown_task)

    def malformed(self, operation: Operation) -> Response:
        refusals = self.contract.refusals
        code = refusals.malformed or refusals.invalid_request
        return self.fill(operation, self._refusal(operation, "malformed"), None, "", code)

    def refuse(self, operation: Operation, code: str) -> Response:
        return self.fill(operation, "refused", None, "", code)

    def _refusal(self, operation: Operation, name: str) -> str:
        return name if (operation.name, name) in self._answers else "refused"

    def rejects(self, probe: str) -> bool:
        return True


def _with_default(name: str) -> tuple[Callable[[View], Any], Any]:
    """What reads a word that is a place of a request, and what it is where there is nothing: PLACE ?? JSON, or null."""
    place, mark, default = name.partition(" ?? ")
    return compile_place(parse_place(place)), load_json(default) if mark else None


def _states(answer: ReferenceResponse) -> bool:
    """Whether a response says how its task stands, or has its result, and nothing of an error."""
    words = names_in_template(answer.body)
    return (
        answer.http < 400
        and bool(words & {"status", "result", "items"})
        and not words & {"error_code", "error_number", "error_text"}
    )


def plain_response(status: int, text: str) -> Response:
    """A response that no template has: a line of text."""
    return Response(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())
