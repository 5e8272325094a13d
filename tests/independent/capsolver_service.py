"""A mock of CapSolver's createTask and getTaskResult, from the documents alone.

Sources named below:
  S0, S1: the getTaskResult page, in Hindi (older) and in Portuguese;
  D: other pages of the provider's documentation (createTask, error codes).
Not modelled: callbackUrl and appId are accepted and ignored; balance, getToken, rate limits, bans.
"""

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus

from .serving import Answer, Application, Clock, JsonObject, now

MAXIMUM_POLLS = 120  # S0, S1 rule 1: at most 120 queries for each task
LIFETIME_SECONDS = 300.0  # S0, S1 rule 2: within 5 minutes after creation
LONGEST_SOLVING_SECONDS = 20  # S0, S1 rule 3: a result after 1 to 30 seconds; this mock needs 1 to 20
IDLE_PART = 0.25  # this part of the solving time is spent waiting ("idle"), the rest in recognition ("processing")
UNSOLVABLE_MARK = "unsolvable"  # a websiteURL that contains this word makes the task fail
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) independent"

# S0, S1 warning: recognition tasks (ImageToText and others) give their result directly in createTask's answer.
# The pages name ImageToText only; D support page adds reCAPTCHA v2, AWS WAF and VisionEngine.
SYNCHRONOUS_TYPES = frozenset({"ImageToTextTask", "ReCaptchaV2Classification", "AwsWafClassification", "VisionEngine"})
# D support page: the kinds of captcha whose token is fetched by getTaskResult. It names the kinds, not every type;
# the type names are this mock's own choice of common ones, each with or without the ending ProxyLess.
ASYNCHRONOUS_TYPES = frozenset(
    {
        "AntiAwsWafTask",
        "AntiCloudflareTask",
        "AntiTurnstileTask",
        "DatadomeSliderTask",
        "FunCaptchaTask",
        "GeeTestTask",
        "HCaptchaTask",
        "MtCaptchaTask",
        "ReCaptchaV2EnterpriseTask",
        "ReCaptchaV2Task",
        "ReCaptchaV3EnterpriseTask",
        "ReCaptchaV3Task",
    }
)
PROXYLESS_SUFFIX = "proxyless"


def plain_type(task_type: str) -> str:
    """The type without the ProxyLess ending and without letter case, which the pages do not spell evenly."""
    return task_type.casefold().removesuffix(PROXYLESS_SUFFIX)


SYNCHRONOUS_PLAIN_TYPES = frozenset(map(plain_type, SYNCHRONOUS_TYPES))
KNOWN_PLAIN_TYPES = SYNCHRONOUS_PLAIN_TYPES | frozenset(map(plain_type, ASYNCHRONOUS_TYPES))


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
    """The whole state of the mock; tasks in order of their creation, lost holds the identifiers only."""

    api_key: str
    clock: Clock = field(default_factory=Clock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    tasks: dict[str, Task] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
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
    """D createTask: an asynchronous kind answers only the taskId, a recognition kind also status ready and solution."""
    if request.get("clientKey") != service.api_key:
        return key_denied()
    task = request.get("task")
    if not isinstance(task, dict):
        return error_answer("ERROR_INVALID_TASK_DATA", "task must be an object")
    task_type = task.get("type")
    if not isinstance(task_type, str) or not task_type:
        return error_answer("ERROR_INVALID_TASK_DATA", "task.type must be a non-empty string")
    if plain_type(task_type) not in KNOWN_PLAIN_TYPES:
        return error_answer("ERROR_TASK_NOT_SUPPORTED", "this task type is not supported")
    website_url = task.get("websiteURL", "")
    if not isinstance(website_url, str):
        return error_answer("ERROR_INVALID_TASK_DATA", "task.websiteURL must be a string")
    synchronous = plain_type(task_type) in SYNCHRONOUS_PLAIN_TYPES
    unsolvable = UNSOLVABLE_MARK in website_url
    if synchronous and unsolvable:
        return unsolvable_answer()
    task_id, created = register_task(service, task_type, synchronous, unsolvable)
    answer: JsonObject = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": task_id}
    if synchronous:
        answer.update(status="ready", solution=created.solution)
    return Answer(HTTPStatus.OK, answer)


def get_task_result(service: Service, request: JsonObject) -> Answer:
    """S0, S1: idle, then processing, then ready with the solution; an error once the task is lost or has failed."""
    if request.get("clientKey") != service.api_key:
        return key_denied()
    task_id = request.get("taskId")
    if not isinstance(task_id, str) or not task_id:
        return error_answer("ERROR_BAD_REQUEST", "taskId must be a non-empty string")
    with service.lock:
        lose_old_tasks(service)
        task = service.tasks.get(task_id)
        if task is None:
            description = "the task is lost" if task_id in service.lost else "there is no such task"
            return error_answer("ERROR_TASKID_INVALID", description)
        task.polls += 1
        if task.polls > MAXIMUM_POLLS:
            lose_task(service, task_id)
            return error_answer("ERROR_TASKID_INVALID", "the task is lost: it was queried too often")
        return current_answer(task_id, task, now(service.clock) - task.created)


def register_task(service: Service, task_type: str, synchronous: bool, unsolvable: bool) -> tuple[str, Task]:
    """Keep a new task with an identifier and a solution that no other task has."""
    task_id = str(uuid.uuid4())
    solution = new_solution(task_type, synchronous)
    with service.lock:
        lose_old_tasks(service)
        service.created_count += 1
        ready_after = 0.0 if synchronous else solving_seconds(service.created_count)
        task = Task(now(service.clock), ready_after, solution, unsolvable)
        service.tasks[task_id] = task
    return task_id, task


def current_answer(task_id: str, task: Task, age: float) -> Answer:
    """The response of a living task at an age; S1 shows the taskId in the response."""
    if age < task.ready_after:
        status = "idle" if age < task.ready_after * IDLE_PART else "processing"
        return Answer(HTTPStatus.OK, {"errorId": 0, "taskId": task_id, "status": status})
    if task.unsolvable:
        return unsolvable_answer()
    answer = {"errorId": 0, "taskId": task_id, "solution": task.solution, "status": "ready"}
    return Answer(HTTPStatus.OK, answer)


def lose_old_tasks(service: Service) -> None:
    """S0, S1 rule 2: forget every task older than its lifetime. The caller holds the lock."""
    oldest_creation = now(service.clock) - LIFETIME_SECONDS
    while service.tasks:
        task_id, task = next(iter(service.tasks.items()))
        if task.created > oldest_creation:
            return
        lose_task(service, task_id)


def lose_task(service: Service, task_id: str) -> None:
    """Drop what is known of a task and keep only that it is lost. The caller holds the lock."""
    del service.tasks[task_id]
    service.lost.add(task_id)


def new_solution(task_type: str, synchronous: bool) -> JsonObject:
    """A one-time solution; S0, S1: its members differ for each type of task."""
    value = secrets.token_urlsafe(24)
    if synchronous:
        return {"text": value}
    if "turnstile" in plain_type(task_type):
        return {"userAgent": USER_AGENT, "token": value}
    return {"userAgent": USER_AGENT, "gRecaptchaResponse": value}


def solving_seconds(number: int) -> float:
    """How long the task of this number takes: every whole second from 1 to 20 comes up, in mixed order."""
    return float(1 + number * 7 % LONGEST_SOLVING_SECONDS)


def refuse(http_status: int, path: str, description: str) -> Answer:
    """D error codes: ERROR_BAD_REQUEST for a request that reaches no method."""
    return error_answer("ERROR_BAD_REQUEST", description, http_status)


def key_denied() -> Answer:
    """D error codes: a wrong clientKey is answered with HTTP 401."""
    return error_answer("ERROR_KEY_DENIED_ACCESS", "the clientKey is wrong", HTTPStatus.UNAUTHORIZED)


def unsolvable_answer() -> Answer:
    """D error codes: the captcha could not be solved; no later response takes this back."""
    return error_answer("ERROR_CAPTCHA_UNSOLVABLE", "the captcha could not be solved")


def error_answer(error_code: str, description: str, http_status: int = HTTPStatus.BAD_REQUEST) -> Answer:
    """S0, S1: errorId above 0, errorCode and errorDescription; D: the HTTP status of an error is 400."""
    return Answer(http_status, {"errorId": 1, "errorCode": error_code, "errorDescription": description})
