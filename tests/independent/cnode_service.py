"""A mock of CNode's getTaskStatus and of some operations that create a task, from the documents alone.

Sources named below:
  S4: the getTaskStatus page, in Polish;
  D: other pages of the provider's documentation (the general form of a response, the operations that create tasks).
No document states a lifetime, a duration, an authentication, the path of the endpoint, or where an error is put; here
errors of a call are in requestStatus with HTTP 200, and only a message that is no call gets a SOAP fault.
Not modelled: the parameters of the creating operations, uniqueTransferId and callback, all accepted and ignored.
"""

import json
import re
import secrets
import string
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from xml.etree.ElementTree import Element

from . import soap
from .serving import Application, Clock, RawAnswer, Request, now

ENDPOINT_PATH = "/soap"
LIFETIME_SECONDS = 3600.0  # S4: remembered for some time from creation; no document states how long
LONGEST_TASK_SECONDS = 8  # no document states a duration; this mock needs 1 to 8 seconds
FAULTY_MARK = "faulty"  # a creating operation with a parameter that contains this word makes the task fail

TASK_ID_ALPHABET = string.ascii_uppercase + string.digits
TASK_ID_LENGTHS = (24, 26)  # S4: the ids in the two samples have 24 and 26 characters
TASK_ID = re.compile(r"[A-Z0-9]{24,26}")

# S4 and D: operations that answer with the id of a task. The type is this mock's own choice; S4 shows GIVE_MONEY.
CREATING_OPERATIONS = {
    "addSlaves": "ADD_SLAVES",
    "giveMoneyRequest": "GIVE_MONEY_REQUEST",
    "startLogin": "LOGIN",
    "startRegister": "REGISTER",
}
# S4: statuses of the list, in orders that their descriptions suggest.
COURSES = (
    ("PREPARATION", "TRANSFERRING"),
    ("PREPARATION", "SEARCHING", "WAITING_FOR_USER_DECISION", "TRANSFERRING"),
    ("PREPARATION", "WAITING_FOR_VERIFICATION", "TRANSFERRING"),
)
SUCCESS_STATUS = "FINISHED_OK"
FAILURE_STATUSES = ("FINISHED_ERR", "FINISHED_ERR_USER_REJECTED", "FINISHED_ERR_TIMEOUT")

SUCCESS = {"requestStatus": "SUCCESS", "requestStatusDescription": "Request succeeded."}


@dataclass(frozen=True)
class Task:
    """One created task; what becomes of it is settled from the beginning. duration is counted in seconds."""

    task_type: str
    created: float
    duration: float
    course: tuple[str, ...]
    final_status: str


@dataclass
class Service:
    """The whole state of the mock; tasks in order of their creation."""

    clock: Clock = field(default_factory=Clock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    tasks: dict[str, Task] = field(default_factory=dict)
    created_count: int = 0


def create_application(_api_key: str) -> Application:
    """A fresh service with no tasks, ready to be given to serving.serve. No document asks for a key."""
    service = Service()
    return Application(
        methods={},
        refuse=lambda http_status, path, description: soap.fault("Client", description, http_status),
        clock=service.clock,
        base_path=ENDPOINT_PATH,
        respond=lambda request: respond(service, request),
        service=service,
    )


def respond(service: Service, request: Request) -> RawAnswer:
    """S4: one endpoint for all operations; SOAP over HTTP is a POST."""
    if request.path != ENDPOINT_PATH:
        return soap.fault("Client", "there is no such endpoint", HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        return soap.fault("Client", "only POST is allowed", HTTPStatus.METHOD_NOT_ALLOWED)
    try:
        name, operation = soap.parse_operation(request.raw)
        if name == "getTaskStatus":
            return get_task_status(service, operation)
        if name in CREATING_OPERATIONS:
            return create_task(service, name, operation)
        raise soap.FaultError("Client", "there is no such operation")
    except soap.FaultError as error:
        return soap.fault(error.code, str(error))


def create_task(service: Service, name: str, operation: Element) -> RawAnswer:
    """S4, D: no result but the id of the task that was created."""
    faulty = any(FAULTY_MARK in text for text in operation.itertext())
    with service.lock:
        number = service.created_count
        service.created_count += 1
        task_id = new_task_id(number)
        service.tasks[task_id] = Task(
            task_type=CREATING_OPERATIONS[name],
            created=now(service.clock),
            duration=task_seconds(number),
            course=COURSES[number % len(COURSES)],
            final_status=FAILURE_STATUSES[number % len(FAILURE_STATUSES)] if faulty else SUCCESS_STATUS,
        )
    return soap.answer(name, {**SUCCESS, "taskId": task_id})


def get_task_status(service: Service, operation: Element) -> RawAnswer:
    """S4: the status of a task, or one of the two errors; the table's spelling of the second one."""
    task_id = soap.parameter(operation, "taskId")
    if task_id is None or TASK_ID.fullmatch(task_id) is None:
        return error_answer("ERR_INVALID_TASK_ID", "The task identifier is invalid.")
    with service.lock:
        forget_old_tasks(service)
        task = service.tasks.get(task_id)
        moment = now(service.clock)
    if task is None:
        return error_answer("ERR_TASK_DOES_NOT_EXIST", "There is no task with this identifier.")
    members = task_members(task, moment - task.created)
    return soap.answer("getTaskStatus", {**members, "taskId": task_id, **SUCCESS})


def task_members(task: Task, age: float) -> dict[str, str]:
    """S4: type, progress, status and further information in JSON; the progress stops short of 100 until it is OK."""
    progress, status, information = 99, task.final_status, {"result": task.final_status}
    if age < task.duration:
        part = age / task.duration
        progress, information = min(99, int(100 * part)), {}
        status = task.course[min(int(len(task.course) * part), len(task.course) - 1)]
    elif task.final_status == SUCCESS_STATUS:
        progress = 100
    return {
        "type": task.task_type,
        "progressPercent": str(progress),
        "status": status,
        "additionalInfo": json.dumps(information),
    }


def forget_old_tasks(service: Service) -> None:
    """S4: after some time from its creation a task is no longer remembered. The caller holds the lock."""
    oldest_creation = now(service.clock) - LIFETIME_SECONDS
    while service.tasks:
        task_id, task = next(iter(service.tasks.items()))
        if task.created > oldest_creation:
            return
        del service.tasks[task_id]


def new_task_id(number: int) -> str:
    """S4: capital letters and digits, in one of the lengths of the samples."""
    length = TASK_ID_LENGTHS[number % len(TASK_ID_LENGTHS)]
    return "".join(secrets.choice(TASK_ID_ALPHABET) for _ in range(length))


def task_seconds(number: int) -> float:
    """How long the task of this number takes: every whole second from 1 to 8 comes up, in mixed order."""
    return float(1 + (number + 1) * 5 % LONGEST_TASK_SECONDS)


def error_answer(request_status: str, description: str) -> RawAnswer:
    """S4: the error of a call; there is no task to tell of."""
    return soap.answer("getTaskStatus", {"requestStatus": request_status, "requestStatusDescription": description})
