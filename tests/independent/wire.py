"""What a request to one of the services is about and what a response says, in one form for all four of them.

Changes on purpose (faults, lawful variants) stand between the HTTP part and a service: they see each call and its
reply, and need not know how the service writes them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from xml.etree.ElementTree import fromstring

from . import soap
from .serving import Answer, Application, Clock, JsonObject, RawAnswer, Request, answer_request, decode_object, now

Response = Answer | RawAnswer


@dataclass(frozen=True)
class Call:
    """One request: its role (create, poll, fetch, batch, other), the task that it is about, and its decoded body."""

    request: Request
    role: str
    task: Any
    body: JsonObject
    moment: float

    @property
    def connection(self) -> int:
        return self.request.connection


@dataclass
class Reply:
    """One answer. members are the fields of its object; an empty response has none."""

    answer: Response
    members: JsonObject | None


Serve = Callable[[Call], Reply]
Change = Callable[["Wire", Call, Serve], Reply]


class Wire:
    """How one service writes calls and replies. application is the service as it was made."""

    success = "ready"
    working = "processing"

    def __init__(self, application: Application) -> None:
        self.application = application
        self.service = application.service
        self.clock: Clock = application.clock

    def call(self, request: Request) -> Call:
        """Read a request."""
        try:
            body = decode_object(request.raw) if request.raw else {}
        except ValueError:
            body = {}
        role, task = self.about(request, body)
        return Call(request, role, task, body, now(self.clock))

    def about(self, request: Request, body: JsonObject) -> tuple[str, Any]:
        """The role of a request, and its task."""
        role = {"/createTask": "create", "/getTaskResult": "poll"}.get(request.path, "other")
        return role, body.get("taskId") if role == "poll" else None

    def reply(self, answer: Response) -> Reply:
        """Read a response."""
        return Reply(answer, dict(answer.body) if isinstance(answer, Answer) else None)

    def written(self, reply: Reply) -> Response:
        """A response with the members of a reply."""
        if isinstance(reply.answer, Answer) and reply.members is not None:
            return replace(reply.answer, body=reply.members)
        return reply.answer

    def asking(self, call: Call, task: Any) -> Call:
        """The same call about another task."""
        body = {**call.body, "taskId": task}
        return replace(call, body=body, task=task, request=replace(call.request, raw=json.dumps(body).encode()))

    def with_body(self, call: Call, body: JsonObject) -> Call:
        """The same call with another body."""
        return replace(call, body=body, request=replace(call.request, raw=json.dumps(body).encode()))

    # -------------------------------------------------------------------------- what replies say

    def identifier(self, reply: Reply) -> Any:
        """The id that a creation gave, None where it gave none."""
        members = reply.members or {}
        return None if members.get("errorId") else members.get("taskId") or None

    def is_success(self, reply: Reply) -> bool:
        """Whether a task has succeeded, by a poll."""
        return (reply.members or {}).get("status") == self.success

    def is_working(self, reply: Reply) -> bool:
        """Whether a task is not finished, by a poll."""
        members = reply.members or {}
        return not members.get("errorId") and members.get("status") not in (None, self.success)

    def has_result(self, reply: Reply) -> bool:
        """Whether a response holds a result."""
        return "solution" in (reply.members or {})

    def set_result(self, reply: Reply, token: str) -> None:
        """Put another result in place of the one that is there."""
        if reply.members is not None:
            reply.members["solution"] = {"gRecaptchaResponse": token, "userAgent": "sample agent"}

    # -------------------------------------------------------------------------- replies of its own

    def busy(self, call: Call) -> Reply:
        """The refusal of a service that is overloaded."""
        return self._error("ERROR_SERVICE_UNAVALIABLE", HTTPStatus.BAD_REQUEST)

    def unknown(self, call: Call) -> Reply:
        """The refusal of a task that is not there."""
        return self._error("ERROR_TASKID_INVALID", HTTPStatus.BAD_REQUEST)

    def invalid(self, call: Call) -> Reply:
        """The refusal of a request that cannot be read."""
        return self._error("ERROR_BAD_REQUEST", HTTPStatus.BAD_REQUEST)

    def failed(self, reply: Reply, number: int) -> Reply:
        """What a task that has failed is answered; the numbers tell several ways to fail apart."""
        codes = ("ERROR_CAPTCHA_UNSOLVABLE", "ERROR_PROXY_BANNED", "ERROR_TASK_TIMEOUT")
        return self._error(codes[number % len(codes)], HTTPStatus.BAD_REQUEST)

    def unfinished(self, reply: Reply) -> Reply:
        """What a task that is not finished is answered."""
        members = {**(reply.members or {}), "status": self.working}
        members.pop("solution", None)
        return Reply(Answer(HTTPStatus.OK, members), members)

    def _error(self, code: str, http: int) -> Reply:
        body = {"errorId": 1, "errorCode": code, "errorDescription": code.lower()}
        return Reply(Answer(http, body), body)


class CapMonster(Wire):
    def busy(self, call: Call) -> Reply:
        reply = self._error("ERROR_SERVICE_NOT_AVAILABLE", HTTPStatus.OK)
        if call.role == "create":
            assert reply.members is not None
            reply.members["taskId"] = 0
        return reply

    def unknown(self, call: Call) -> Reply:
        return self._error("WRONG_CAPTCHA_ID", HTTPStatus.OK)

    def invalid(self, call: Call) -> Reply:
        return self._error("ERROR_INVALID_TASK", HTTPStatus.OK)

    def failed(self, reply: Reply, number: int) -> Reply:
        codes = ("ERROR_CAPTCHA_UNSOLVABLE", "ERROR_PROXY_BANNED", "ERROR_RECAPTCHA_TIMEOUT")
        return self._error(codes[number % len(codes)], HTTPStatus.OK)

    def is_working(self, reply: Reply) -> bool:
        return (reply.members or {}).get("status") == self.working


class Decodo(Wire):
    success = "done"
    working = "pending"

    def about(self, request: Request, body: JsonObject) -> tuple[str, Any]:
        parts = request.path.removeprefix(self.application.base_path).strip("/").split("/")
        if parts == ["task"]:
            return "create", None
        if parts == ["task", "batch"]:
            return "batch", None
        if len(parts) == 2:
            return "poll", parts[1]
        return ("fetch", parts[1]) if len(parts) == 3 else ("other", None)

    def asking(self, call: Call, task: Any) -> Call:
        path = call.request.path.replace(f"/{call.task}", f"/{task}", 1)
        return replace(call, task=task, request=replace(call.request, path=path))

    def identifier(self, reply: Reply) -> Any:
        return (reply.members or {}).get("id")

    def is_working(self, reply: Reply) -> bool:
        return (reply.members or {}).get("status") == self.working

    def has_result(self, reply: Reply) -> bool:
        return bool((reply.members or {}).get("results"))

    def set_result(self, reply: Reply, token: str) -> None:
        assert reply.members is not None
        reply.members["results"] = [{**entry, "content": token} for entry in reply.members["results"]]

    def busy(self, call: Call) -> Reply:
        return self._refusal(HTTPStatus.TOO_MANY_REQUESTS)

    def unknown(self, call: Call) -> Reply:
        return self._refusal(HTTPStatus.NOT_FOUND)

    def invalid(self, call: Call) -> Reply:
        return self._refusal(HTTPStatus.UNPROCESSABLE_ENTITY)

    def failed(self, reply: Reply, number: int) -> Reply:
        members = {**(reply.members or {}), "status": "faulted"}
        return Reply(Answer(HTTPStatus.OK, members), members)

    def unfinished(self, reply: Reply) -> Reply:
        members = {**(reply.members or {}), "status": self.working}
        members["updated_at"] = members.get("created_at")
        return Reply(Answer(HTTPStatus.OK, members), members)

    def _refusal(self, http: int) -> Reply:
        body: JsonObject = {"status": "failed", "message": HTTPStatus(http).phrase}
        return Reply(Answer(http, body), body)


class CNode(Wire):
    success = "FINISHED_OK"
    working = "TRANSFERRING"

    def about(self, request: Request, body: JsonObject) -> tuple[str, Any]:
        try:
            name, element = soap.parse_operation(request.raw)
        except soap.FaultError:
            return "other", None
        return ("poll", soap.parameter(element, "taskId")) if name == "getTaskStatus" else ("create", None)

    def call(self, request: Request) -> Call:
        role, task = self.about(request, {})
        return Call(request, role, task, {}, now(self.clock))

    def reply(self, answer: Response) -> Reply:
        content = answer.content if isinstance(answer, RawAnswer) else b""
        found = list(fromstring(content).iter("return"))
        return Reply(answer, {child.tag: child.text or "" for child in found[0]} if found else None)

    def written(self, reply: Reply) -> Response:
        if reply.members is None or not isinstance(reply.answer, RawAnswer):
            return reply.answer
        name = next(name for name in NAMES if f":{name}Response".encode() in reply.answer.content)
        return soap.answer(name, {key: str(value) for key, value in reply.members.items()})

    def asking(self, call: Call, task: Any) -> Call:
        raw = call.request.raw.replace(str(call.task).encode(), str(task).encode())
        return replace(call, task=task, request=replace(call.request, raw=raw))

    def identifier(self, reply: Reply) -> Any:
        return (reply.members or {}).get("taskId")

    def is_working(self, reply: Reply) -> bool:
        status = (reply.members or {}).get("status", "FINISHED")
        return not status.startswith("FINISHED")

    def has_result(self, reply: Reply) -> bool:
        return self.is_success(reply)

    def set_result(self, reply: Reply, token: str) -> None:
        assert reply.members is not None
        reply.members["additionalInfo"] = json.dumps({"result": token})

    def busy(self, call: Call) -> Reply:
        return self._refusal(call, "ERR_TECHNICAL_PROBLEM")

    def unknown(self, call: Call) -> Reply:
        return self._refusal(call, "ERR_TASK_DOES_NOT_EXIST")

    def invalid(self, call: Call) -> Reply:
        return self._refusal(call, "ERR_INVALID_TASK_ID")

    def failed(self, reply: Reply, number: int) -> Reply:
        statuses = ("FINISHED_ERR_USER_REJECTED", "FINISHED_ERR_LOCKED", "FINISHED_ERR_TIMEOUT")
        status = statuses[number % len(statuses)]
        members = {**(reply.members or {}), "status": status, "progressPercent": "99"}
        members["additionalInfo"] = json.dumps({"result": status})
        return Reply(reply.answer, members)

    def unfinished(self, reply: Reply) -> Reply:
        members = {**(reply.members or {}), "status": self.working, "progressPercent": "99", "additionalInfo": "{}"}
        return Reply(reply.answer, members)

    def _refusal(self, call: Call, code: str) -> Reply:
        name = "getTaskStatus" if call.role == "poll" else "startLogin"
        members = {"requestStatus": code, "requestStatusDescription": "An error."}
        return Reply(soap.answer(name, members), dict(members))


NAMES = ("getTaskStatus", "startLogin", "startRegister", "addSlaves", "giveMoneyRequest")

WIRES: Mapping[str, type[Wire]] = {"capsolver": Wire, "capmonster": CapMonster, "decodo": Decodo, "cnode": CNode}


def changed(
    service: str, application: Application, change: Change, cut: Callable[[Wire, Any], None] | None = None
) -> Application:
    """A service that a change stands before. cut is called with the last task of a connection that was cut."""
    wire = WIRES[service](application)
    last: dict[int, Any] = {}

    def serve(call: Call) -> Reply:
        return wire.reply(answer_request(application, call.request))

    def respond(request: Request) -> Response:
        call = wire.call(request)
        if call.role == "other" or not isinstance(call.task, str | int | None):
            return answer_request(application, request)
        reply = change(wire, call, serve)
        last[call.connection] = call.task if call.task is not None else wire.identifier(reply)
        return wire.written(reply)

    def note_cut(connection: int) -> None:
        if cut is not None:
            cut(wire, last.get(connection))

    return replace(application, respond=respond, cut=note_cut)


@dataclass
class Memory:
    """What a change remembers: numbers of tasks in the order of their creation, and anything by name and task."""

    numbers: dict[Any, int] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)

    def number(self, task: Any) -> int:
        """The number of a task, counted from 1; 0 for one that was not created here."""
        return self.numbers.get(task, 0)

    def note(self, identifier: Any) -> None:
        """Remember a task that was created."""
        if identifier is not None and identifier not in self.numbers:
            self.numbers[identifier] = len(self.numbers) + 1

    def count(self, *key: Any) -> int:
        """How often something has happened, this time included."""
        self.kept[key] = self.kept.get(key, 0) + 1
        return int(self.kept[key])
