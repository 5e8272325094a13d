"""Probes: requests that are deliberately invalid, each marked with what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pollproof.contract.model import (
    NEAR_MISS,
    Effect,
    Operation,
    Probe,
)
from pollproof.contract.places import follow_steps
from pollproof.contract.templates import overlaid, steps_of, with_value, without
from pollproof.trace.bodies import Unreadable
from pollproof.trace.codecs import typing_of
from pollproof.trace.events import Event
from pollproof.trace.exchange import Request
from pollproof.trace.pages import with_parameter, without_parameter
from pollproof.verify.requesting import Requester

MAXIMUM_STRANGERS = 8
"""Polls of unknown tasks in one run: providers ban an address for some dozens of them."""


class Prober(Requester):
    """Sends requests that must be refused."""

    strangers = 0
    """Polls of unknown tasks so far."""

    given_before: Collection[str] = ()
    """Ids of tasks that were created before the trace begins."""

    def was_given(self, identifier: Any) -> bool:
        """Whether a creation of this run gave an id, however long ago: a mock may count from the page's own sample."""
        task, account = str(identifier), self.monitor.account
        return task in account.tasks or account.has_forgotten(task) or task in self.given_before

    def probe_unknown(
        self, identifier: Any, probe: str = "unknown-task", operation: Operation | None = None
    ) -> Event | None:
        """Poll a task that no creation gave; None after the run has done so often enough.

        With an `operation`, that one is sent in place of the poll.
        """
        if self.strangers >= MAXIMUM_STRANGERS or self.was_given(identifier):
            return None
        self.strangers += 1
        event = self.send(self.request(operation or self.poll_operation, {"task_id": identifier}), probe)
        thorough = self.movable and not self.frugal and event.effect is Effect.BUSY
        return self.insist(event) if thorough else event

    def probe_near_miss(self, identifier: Any) -> Event | None:
        """Poll a task id that is nearly one that was given, and is none; None where it is one after all."""
        if not identifier or self.was_given(identifier):
            return None
        return self.send(self.request(self.poll_operation, {"task_id": identifier}), NEAR_MISS)

    def wrong_credentials(self) -> list[str]:
        """Keys that are not the right one: another, none, and the right one shortened, lengthened, in another case."""
        right = self.credential
        if self.contract.credential.at is None:
            return []
        candidates = [self.contract.credential.wrong, right[:-1], right + "0", right.swapcase(), ""]
        return [key for key in dict.fromkeys(candidates) if key not in (right, self.second_credential)]

    def probe_credential(self, operation: Operation, words: Mapping[str, Any], credential: str) -> Event:
        """Ask with a wrong key."""
        return self.send(self.request(operation, words, credential), "wrong-credential")

    def probe_scheme(self, operation: Operation, words: Mapping[str, Any]) -> Event | None:
        """Request with the right key after another word than the documented one; None where there is no such word."""
        place, (word, space, _) = self.contract.credential.at, self.contract.credential.template.partition(" ")
        if place is None or place.area != "header" or not space:
            return None
        request = self.request(operation, words)
        other = "Token" if word.lower() != "token" else "Basic"
        headers = {**request.headers, place.steps[0]: f"{other} {self.credential}"}
        return self.send(request._replace(headers=headers), "wrong-scheme")

    def at_other_place(self, request: Request, number: int, credential: str | None = None) -> Request:
        """A request with the key at another of its documented places, and not at the first."""
        place, other = self.contract.credential.at, self.contract.credential.others[number]
        key = other.template.replace("{credential}", self.credential if credential is None else credential)
        headers, body, path = dict(request.headers), request.body, request.path
        if place is not None and place.area == "header":
            headers.pop(place.steps[0], None)
        elif place is not None and place.area == "query":
            path = without_parameter(request.path, place.steps[0])
        elif place is not None and body:
            body = self.codec.write(without(self.codec.read(body), place.pointer))
        if other.at.area == "header":
            headers[other.at.steps[0]] = key
        elif other.at.area == "query":
            path = with_parameter(request._replace(path=path), other.at.steps[0], key).path
        elif body:
            body = self.codec.write(with_value(self.codec.read(body), other.at.pointer, key))
        return request._replace(headers=headers, body=body, path=path)

    def body_of(self, operation: Operation, request: Request) -> Any:
        """The body of a request, with the types that its schema states."""
        typing = typing_of(self.codec, self.contract.schemas.get(operation.request_schema or ""))
        body = self.codec.read(request.body)
        return body if typing is None else typing(body)

    def probe_missing(
        self, operation: Operation, words: Mapping[str, Any], number: int, *, null: bool = False
    ) -> Event:
        """Ask without the required field of that number, or with null in its place."""
        place = operation.required[number]
        request = self.request(operation, words)
        if place.area == "header":
            headers = {name: value for name, value in request.headers.items() if name != place.steps[0] or null}
            if null:
                headers[place.steps[0]] = ""
            return self.send(request._replace(headers=headers), "missing-field")
        whole = self._body(operation, words)
        body = with_value(whole, place.pointer, None) if null else without(whole, place.pointer)
        return self.send(request._replace(body=self.codec.write(body)), "missing-field")

    def probe_malformed(self, operation: Operation, words: Mapping[str, Any], number: int) -> Event | None:
        """Send a body that cannot be read: cut short, or not JSON at all; None where every text can be read."""
        request = self.request(operation, words)
        body = request.body[: len(request.body) // 2] if number % 2 == 0 else b"this is neither JSON nor XML"
        if type(self.codec.read(body)) is not Unreadable:
            return None
        return self.send(request._replace(body=body), "malformed")

    def probe_own(
        self, probe: Probe, words: Mapping[str, Any], *, way: int = 0, more: Mapping[str, Any] | None = None
    ) -> Event:
        """Send a request that is invalid in one of the ways that the contract lists.

        `way` counts the documented ways of a batch, `more` are further fields.
        """
        operation = self.contract.operations[probe.operation]
        request = self.request(operation, words, way=way)
        changed = {name.lower(): text for name, text in probe.headers}
        headers = {name: text for name, text in {**request.headers, **changed}.items() if text or name not in changed}
        request = request._replace(headers=headers)
        for name, text in probe.query:
            bare = request._replace(path=without_parameter(request.path, name))
            request = with_parameter(request, name, text) if text else bare
        if not probe.remove and not probe.set and probe.repeat is None:
            return self.send(request, probe.name)
        body = self._body(operation, words, way)
        body = overlaid(body, more) if more else body
        for pointer in probe.remove:
            body = without(body, pointer)
        for pointer, value in probe.set:
            body = with_value(body, pointer, value)
        if probe.repeat is not None:
            pointer, times = probe.repeat
            first = follow_steps(body, tuple(steps_of(pointer)))
            if not isinstance(first, list):  # another way of the batch has its entries elsewhere
                name = next(name for name, value in body.items() if isinstance(value, list))
                pointer, first = f"/{name}", body[name]
            body = with_value(body, pointer, [first[0]] * times)
        return self.send(request._replace(body=self.codec.write(body)), probe.name)
