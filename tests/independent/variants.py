"""Lawful variants: what implementations do differently within the documents, put before a service.

`python -m tests.independent SERVICE --variant NAME` serves one.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from .faults.registry import ALL, CAPTCHAS, CNODE, DECODO, JSON, failing, remembering
from .serving import Answer, RawAnswer
from .wire import Call, Change, Memory, Reply, Serve, Wire


@dataclass(frozen=True)
class Variant:
    """A lawful variant by name, the services that can be so, and what makes it."""

    name: str
    services: tuple[str, ...]
    text: str
    make: Callable[[], Change]


VARIANTS: dict[str, Variant] = {}
"""All lawful variants by name."""


def variant(services: tuple[str, ...] = ALL) -> Callable[[Callable[[], Change]], Callable[[], Change]]:
    """Register a function that makes a lawful variant; its docstring says what is different."""

    def register(make: Callable[[], Change]) -> Callable[[], Change]:
        name = make.__name__.replace("_", "-")
        VARIANTS[name] = Variant(name, services, (make.__doc__ or "").strip(), make)
        return make

    return register


@variant(("capsolver", "capmonster", "cnode"))
def some_tasks_fail() -> Change:
    """Every fourth task fails."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        return failing(wire, call, serve(call), memory)

    return remembering(change)


@variant()
def busy_now_and_then() -> Change:
    """Every seventh request is answered that the service is busy."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        return wire.busy(call) if memory.count("all") % 7 == 0 else serve(call)

    return remembering(change)


@variant()
def busy_for_half_a_minute() -> Change:
    """For half a minute in every ten the service is busy."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        return wire.busy(call) if call.moment % 600 < 30 else serve(call)

    return remembering(change)


@variant()
def gateway_errors_now_and_then() -> Change:
    """Every eleventh request is answered by a gateway's page with HTTP 503."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if memory.count("all") % 11 == 0:
            page = RawAnswer(HTTPStatus.SERVICE_UNAVAILABLE, b"<html>overloaded</html>", "text/html")
            return Reply(page, None)
        return serve(call)

    return remembering(change)


@variant(CAPTCHAS)
def states_are_seconds_old_for_everybody() -> Change:
    """The state of an unfinished task is kept for five seconds, and all connections see the same."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        moment, kept = memory.kept.get(call.task, (-99.0, reply))
        if call.role == "poll" and call.moment - moment < 5 and wire.is_success(reply):
            return replace(kept, members=dict(kept.members or {}))
        if call.role == "poll" and wire.is_working(reply):
            memory.kept[call.task] = call.moment, replace(reply, members=dict(reply.members or {}))
        return reply

    return remembering(change)


@variant()
def slow_answers() -> Change:
    """Every response takes some milliseconds, never the same."""
    dice = random.Random(1)

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        time.sleep(dice.random() * 0.004)
        reply = serve(call)
        time.sleep(dice.random() * 0.002)
        return reply

    return remembering(change)


@variant(JSON)
def further_members() -> Change:
    """Answers have members that no page names."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members is not None:
            reply.members["serverVersion"] = "1.2"
            reply.members["x_trace"] = {"id": memory.count("all"), "tags": [None, True]}
        return reply

    return remembering(change)


@variant()
def members_in_another_order() -> Change:
    """The members of a response stand in another order each time."""
    dice = random.Random(2)

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members is not None:
            names = list(reply.members)
            dice.shuffle(names)
            reply.members = {name: reply.members[name] for name in names}
        return reply

    return remembering(change)


@variant(JSON)
def indented_json() -> Change:
    """JSON is indented and has no escapes."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if isinstance(reply.answer, Answer):
            body = json.dumps(reply.members, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")
            raw = RawAnswer(reply.answer.http_status, body, "application/json; charset=utf-8", reply.answer.headers)
            return Reply(raw, reply.members)
        return reply

    return remembering(change)


@variant()
def connections_are_closed() -> Change:
    """The server closes each connection after five answers."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if memory.count(call.connection) % 5 == 0:
            headers = {**reply.answer.headers, "Connection": "close"}
            return Reply(replace(reply.answer, headers=headers), reply.members)
        return reply

    return remembering(change)


@variant(("capsolver", "capmonster", "cnode"))
def tasks_take_a_minute() -> Change:
    """A task is worked on for a minute more."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "create":
            memory.kept["born", wire.identifier(reply)] = call.moment
        young = call.moment - memory.kept.get(("born", call.task), call.moment - 99) < 60
        if call.role == "poll" and young and wire.is_success(reply):
            return wire.unfinished(reply)
        return reply

    return remembering(change)


@variant(("capsolver",))
def refused_polls_count() -> Change:
    """A poll with a wrong key counts toward the limit of its task."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        task = wire.service.tasks.get(call.task)
        if call.role == "poll" and task is not None and call.body.get("clientKey") != wire.service.api_key:
            task.polls += 1
        return serve(call)

    return remembering(change)


@variant(CAPTCHAS)
def error_fields_are_always_there() -> Change:
    """errorCode and errorDescription are null where there is no error."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members is not None and not reply.members.get("errorId"):
            reply.members = {"errorCode": None, "errorDescription": None, **reply.members}
        return reply

    return remembering(change)


@variant(("capmonster",))
def not_ready_is_an_error() -> Change:
    """A task that is not ready is answered CAPTCHA_NOT_READY."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "poll" and wire.is_working(reply):
            body = {"errorId": 1, "errorCode": "CAPTCHA_NOT_READY", "errorDescription": "not ready"}
            return Reply(Answer(HTTPStatus.OK, body), dict(body))
        return reply

    return remembering(change)


@variant(("capmonster",))
def polls_beyond_the_limit_are_served() -> Change:
    """What the page leaves open: polls beyond the limit are answered as before."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        task = wire.service.tasks.get(call.task) if isinstance(call.task, int) else None
        if call.role == "poll" and task is not None:
            task.polls = min(task.polls, 100)
        return serve(call)

    return remembering(change)


@variant(("capmonster",))
def polls_beyond_the_limit_lock_the_account() -> Change:
    """What the page leaves open: the account is locked for ten minutes after too many polls."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.moment < memory.kept.get("until", 0.0):
            body: dict[str, Any] = {"errorId": 1, "errorCode": "ERROR_IP_BANNED", "errorDescription": "locked"}
            body |= {"taskId": 0} if call.role == "create" else {}
            return Reply(Answer(HTTPStatus.OK, body), body)
        if call.role == "poll" and memory.number(call.task) and memory.count(call.task) > 121:
            memory.kept["until"] = call.moment + 600
        return serve(call)

    return remembering(change)


@variant(DECODO)
def results_that_are_not_there_are_empty() -> Change:
    """Results of an unfinished task are an empty list in place of HTTP 204."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "fetch" and reply.answer.http_status == HTTPStatus.NO_CONTENT:
            members: dict[str, Any] = {"results": []}
            return Reply(Answer(HTTPStatus.OK, members), members)
        return reply

    return remembering(change)


@variant(DECODO)
def results_that_are_not_there_are_not_found() -> Change:
    """Results of an unfinished task are answered with HTTP 404."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "fetch" and reply.answer.http_status == HTTPStatus.NO_CONTENT:
            return wire.unknown(call)
        return reply

    return remembering(change)


@variant(DECODO)
def states_without_defaults() -> Change:
    """A response has the parameters that were sent, and none that were not."""
    names = ("page_from", "limit", "device_type", "headless", "domain", "page_count", "force_headers", "force_cookies")

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "create":
            memory.kept["sent"] = set(call.body)
        reply = serve(call)
        if call.role == "create":
            memory.kept["sent", wire.identifier(reply)] = set(call.body)
        sent = memory.kept.get(("sent", call.task or wire.identifier(reply)), set(names))
        if call.role in ("create", "poll") and reply.members is not None:
            for name in names:
                if name not in sent:
                    reply.members.pop(name, None)
        return reply

    return remembering(change)


@variant(DECODO)
def batches_are_refused_with_422() -> Change:
    """A second batch within a second is refused with HTTP 422."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "batch" and reply.answer.http_status == HTTPStatus.TOO_MANY_REQUESTS:
            return wire.invalid(call)
        return reply

    return remembering(change)


@variant(DECODO)
def batches_are_limited_by_the_calendar() -> Change:
    """The first batch of each second of the clock is accepted: two within a second may be."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        if call.role == "batch":
            fresh = int(call.moment) != memory.kept.get("second")
            wire.service.last_batch = -1e9
            if not fresh:
                return wire.busy(call)
            reply = serve(call)
            if reply.members and "queries" in reply.members:
                memory.kept["second"] = int(call.moment)
            return reply
        return serve(call)

    return remembering(change)


@variant(DECODO)
def callbacks_wait_in_a_queue() -> Change:
    """A callback is sent forty seconds after the end of its task."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        wire.service.callback_seconds = 40.0
        return serve(call)

    return remembering(change)


@variant(DECODO)
def a_batch_is_a_list() -> Change:
    """The response to a batch is the list of its tasks."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "batch" and reply.members and "queries" in reply.members:
            body = json.dumps(reply.members["queries"]).encode()
            return Reply(RawAnswer(HTTPStatus.OK, body, "application/json"), reply.members)
        return reply

    return remembering(change)


@variant(CNODE)
def another_spelling_of_the_code() -> Change:
    """A task that is not there is answered with the spelling of the text."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members and reply.members.get("requestStatus") == "ERR_TASK_DOES_NOT_EXIST":
            reply.members["requestStatus"] = "ERR_TASK_DOES_NOT_EXISTS"
        return reply

    return remembering(change)


@variant(CNODE)
def information_is_empty() -> Change:
    """additionalInfo is empty."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members and "additionalInfo" in reply.members:
            reply.members["additionalInfo"] = ""
        return reply

    return remembering(change)


@variant(CNODE)
def information_is_a_list() -> Change:
    """additionalInfo of a finished task is a JSON array."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if reply.members and wire.is_success(reply):
            reply.members["additionalInfo"] = json.dumps([call.task])
        return reply

    return remembering(change)


@variant(CNODE)
def tasks_are_remembered_for_two_minutes() -> Change:
    """A finished task is forgotten two minutes after its creation."""

    def change(wire: Wire, call: Call, serve: Serve, memory: Memory) -> Reply:
        reply = serve(call)
        if call.role == "create":
            memory.kept["born", wire.identifier(reply)] = call.moment
        if call.role == "poll" and call.moment - memory.kept.get(("born", call.task), call.moment) > 120:
            return wire.unknown(call)
        return reply

    return remembering(change)
