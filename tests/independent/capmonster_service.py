"""A mock of CapMonster Cloud's createTask and getTaskResult, from the documents alone.

Sources named below:
  S2: the getTaskResult page, in Chinese;
  D: other pages of the provider's documentation (createTask, error list, reasons of a block).
No document states the HTTP status of an error; this mock answers the errors of a method with 200.
Not modelled: callbackUrl is accepted and ignored; balance, reports of wrong results, bans.
"""

import secrets
import threading
from dataclasses import dataclass, field
from http import HTTPStatus

from .serving import Answer, Application, Clock, JsonObject, now

MAXIMUM_POLLS = 120  # S2 caution: at most 120 requests for each task
STORAGE_SECONDS = 300.0  # D error list: the storage period is usually 5 minutes
LONGEST_SOLVING_SECONDS = 20  # no document states a duration; this mock needs 1 to 20 seconds
FIRST_TASK_ID = 100_000_000  # well away from 7654321, the number that the page uses as its example
TASK_ID_STEP = 7
UNSOLVABLE_MARK = "unsolvable"  # a websiteURL that contains this word makes the task fail

IMAGE_TYPES = frozenset({"ComplexImageTask", "ImageToTextTask"})
# This mock's own choice of common type names, each with or without the ending Proxyless; S2 lists none.
TOKEN_TYPES = frozenset(
    {
        "AmazonTask",
        "BinanceTask",
        "CustomTask",
        "FunCaptchaTask",
        "GeeTestTask",
        "HCaptchaTask",
        "MTCaptchaTask",
        "NoCaptchaTask",
        "ProsopoTask",
        "RecaptchaV2EnterpriseTask",
        "RecaptchaV2Task",
        "RecaptchaV3EnterpriseTask",
        "RecaptchaV3Task",
        "TurnstileTask",
        "YidunTask",
    }
)
PROXYLESS_SUFFIX = "proxyless"


def plain_type(task_type: str) -> str:
    """The type without the Proxyless ending and without letter case."""
    return task_type.casefold().removesuffix(PROXYLESS_SUFFIX)


IMAGE_PLAIN_TYPES = frozenset(map(plain_type, IMAGE_TYPES))
KNOWN_PLAIN_TYPES = IMAGE_PLAIN_TYPES | frozenset(map(plain_type, TOKEN_TYPES))


@dataclass
class Task:
    """One created task. ready_after is counted in seconds from created."""

    created: float
    ready_after: float
    solution: JsonObject
    unsolvable: bool
    polls: int = 0


@dataclass
class Service:
    """The whole state of the mock; tasks in order of their creation, lost holds the numbers only."""

    api_key: str
    clock: Clock = field(default_factory=Clock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    tasks: dict[int, Task] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    first_task_id: int = field(default_factory=lambda: FIRST_TASK_ID + secrets.randbelow(FIRST_TASK_ID))
    created_count: int = 0


def create_application(api_key: str) -> Application:
    """A fresh service with no tasks, ready to be given to serving.serve."""
    service = Service(api_key)
    return Application(
        methods={
            "/createTask": lambda request: create_task(service, request),
            "/getTaskResult": lambda request: get_task_result(service, request),
        },
        refuse=refuse,
        clock=service.clock,
        service=service,
    )


def create_task(service: Service, request: JsonObject) -> Answer:
    """D createTask: every kind is asynchronous; the response is errorId and an integer taskId, 0 after an error."""
    if request.get("clientKey") != service.api_key:
        return create_error("ERROR_KEY_DOES_NOT_EXIST", "the clientKey is wrong")
    task = request.get("task")
    if task is None:
        return create_error("ERROR_TASK_ABSENT", "task is missing")
    if not isinstance(task, dict):
        return create_error("ERROR_INVALID_TASK", "task must be an object")
    task_type = task.get("type")
    if not isinstance(task_type, str) or not task_type:
        return create_error("ERROR_INVALID_TASK", "task.type must be a non-empty string")
    if plain_type(task_type) not in KNOWN_PLAIN_TYPES:
        return create_error("ERROR_TASK_NOT_SUPPORTED", "this task type is not supported")
    website_url = task.get("websiteURL", "")
    if not isinstance(website_url, str):
        return create_error("ERROR_INVALID_TASK", "task.websiteURL must be a string")
    task_id = register_task(service, task_type, UNSOLVABLE_MARK in website_url)
    return Answer(HTTPStatus.OK, {"errorId": 0, "taskId": task_id})


def get_task_result(service: Service, request: JsonObject) -> Answer:
    """S2: processing, then ready with the solution; an error for an unknown, expired or failed task."""
    if request.get("clientKey") != service.api_key:
        return error_answer("ERROR_KEY_DOES_NOT_EXIST", "the clientKey is wrong")
    task_id = request.get("taskId")
    if isinstance(task_id, bool) or not isinstance(task_id, int):
        return error_answer("WRONG_CAPTCHA_ID", "taskId must be an integer")
    with service.lock:
        lose_old_tasks(service)
        task = service.tasks.get(task_id)
        if task is None:
            description = "the storage period is over" if task_id in service.lost else "there is no such task"
            return error_answer("WRONG_CAPTCHA_ID", description)
        task.polls += 1
        if task.polls > MAXIMUM_POLLS:
            return error_answer("ERROR_TOO_MUCH_REQUESTS", "the result was requested more than 120 times")
        return current_answer(task, now(service.clock) - task.created)


def register_task(service: Service, task_type: str, unsolvable: bool) -> int:
    """Keep a new task with a number and a solution that no other task has."""
    solution = new_solution(task_type)
    with service.lock:
        lose_old_tasks(service)
        task_id = service.first_task_id + service.created_count * TASK_ID_STEP
        service.created_count += 1
        ready_after = solving_seconds(service.created_count)
        service.tasks[task_id] = Task(now(service.clock), ready_after, solution, unsolvable)
    return task_id


def current_answer(task: Task, age: float) -> Answer:
    """The response of a living task at an age, with the members that the samples of S2 show."""
    if age < task.ready_after:
        answer = {"errorCode": None, "errorDescription": None, "errorId": 0, "status": "processing"}
        return Answer(HTTPStatus.OK, answer)
    if task.unsolvable:
        return error_answer("ERROR_CAPTCHA_UNSOLVABLE", "the captcha could not be solved")
    return Answer(HTTPStatus.OK, {"errorId": 0, "status": "ready", "solution": task.solution})


def lose_old_tasks(service: Service) -> None:
    """D error list: forget every task whose storage period is over, but not its number. The caller holds the lock."""
    oldest_creation = now(service.clock) - STORAGE_SECONDS
    while service.tasks:
        task_id, task = next(iter(service.tasks.items()))
        if task.created > oldest_creation:
            return
        del service.tasks[task_id]
        service.lost.add(task_id)


def new_solution(task_type: str) -> JsonObject:
    """A one-time solution; S2: its members differ for each type of task."""
    value = secrets.token_urlsafe(24)
    if plain_type(task_type) in IMAGE_PLAIN_TYPES:
        return {"text": value}
    if plain_type(task_type) == plain_type("TurnstileTask"):
        return {"token": value}
    return {"gRecaptchaResponse": value}


def solving_seconds(number: int) -> float:
    """How long the task of this number takes: every whole second from 1 to 20 comes up, in mixed order."""
    return float(1 + number * 11 % LONGEST_SOLVING_SECONDS)


def refuse(http_status: int, path: str, description: str) -> Answer:
    """D error list: ERROR_NO_SUCH_METHOD for a wrong address; the rest is a request that carries no valid task."""
    wrong_address = http_status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
    error_code = "ERROR_NO_SUCH_METHOD" if wrong_address else "ERROR_INVALID_TASK"
    answer = create_error if path == "/createTask" else error_answer
    return answer(error_code, description, http_status)


def create_error(error_code: str, description: str, http_status: int = HTTPStatus.OK) -> Answer:
    """D createTask: the response always has a taskId, and it is 0 after an error."""
    answer = error_answer(error_code, description, http_status)
    return Answer(answer.http_status, {**answer.body, "taskId": 0})


def error_answer(error_code: str, description: str, http_status: int = HTTPStatus.OK) -> Answer:
    """S2: errorId is 1 and the code is in errorCode."""
    return Answer(http_status, {"errorId": 1, "errorCode": error_code, "errorDescription": description})
