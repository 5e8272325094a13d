"""A mock of Decodo's asynchronous scraper API, from the documents alone.

Sources named below:
  S3: the page on asynchronous requests, in Chinese;
  C: the provider's official clients (answer of a batch, 204 for results that are not there yet, errors).
No document states the HTTP status of a created task (200 here), how long a task takes, or what an unknown id is
answered. Not modelled: the scraping itself, the checks of each target's own parameters, other rate limits.
"""

import hmac
import re
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import quote

from .callbacks import Outbox, is_callback_url, send_later, sending
from .serving import Answer, Application, Clock, JsonObject, RawAnswer, Request, decode_object, now

BASE_PATH = "/v3"
TASK_PATH = f"{BASE_PATH}/task"
BATCH_PATH = f"{BASE_PATH}/task/batch"
ONE_TASK_PATH = re.compile(rf"{re.escape(TASK_PATH)}/([^/]+)(/results)?")

RESULT_SECONDS = 24 * 60 * 60.0  # S3: results can be retrieved without limit within 24 hours after the initial request
MAXIMUM_BATCH = 3000  # S3: at most 3000 URLs or queries in a batch
BATCH_INTERVAL_SECONDS = 1.0  # S3: one batch request each second
LONGEST_SCRAPING_SECONDS = 8  # no document states a duration; this mock needs 1 to 8 seconds
FAULTY_MARK = "faulty"  # a url or query that contains this word makes the task fail
# S3: ids are strings of digits beyond 2**53. These are odd and close together, so that rounding to a double shows.
FIRST_ID = 7_400_000_000_000_000_001
ID_STEP = 2
SEARCH_URL = "https://example.com/search?q="  # what a query is made into; S3 does not say
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

# S3: the members of the first sample that stand for parameters, with the values shown there.
DEFAULT_PARAMETERS: JsonObject = {
    "page_from": 1,
    "limit": 10,
    "geo": None,
    "device_type": "desktop",
    "headless": None,
    "parse": False,
    "locale": None,
    "domain": "com",
    "output_schema": None,
    "content_encoding": "utf-8",
    "page_count": 1,
    "http_method": "get",
    "cookies": [],
    "force_headers": False,
    "force_cookies": False,
    "headers": [],
    "session_id": None,
    "successful_status_codes": [],
    "follow_redirect": None,
    "payload": None,
    "store_id": None,
    "headers_cookies_policy": False,
}
# S3: the samples of the status leave out these members, unless the client itself has sent them.
CREATION_ONLY = frozenset(
    {
        "geo",
        "locale",
        "output_schema",
        "content_encoding",
        "http_method",
        "cookies",
        "headers",
        "session_id",
        "successful_status_codes",
        "follow_redirect",
        "payload",
        "store_id",
    }
)


@dataclass(frozen=True)
class Task:
    """One created task; what becomes of it is settled from the beginning, only the clock decides what is shown."""

    task_id: str
    parameters: JsonObject
    created: float
    final: float
    faulty: bool
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))


@dataclass
class Service:
    """The whole state of the mock. epoch is the date and time at which the clock shows 0."""

    api_key: str
    clock: Clock = field(default_factory=Clock)
    callback_seconds: float = 0.0
    epoch: datetime = field(default_factory=lambda: datetime.now(UTC))
    lock: threading.Lock = field(default_factory=threading.Lock)
    tasks: dict[str, Task] = field(default_factory=dict)
    first_id: int = field(default_factory=lambda: FIRST_ID + 2 * secrets.randbelow(10**17))
    id_count: int = 0
    last_batch: float = -BATCH_INTERVAL_SECONDS


class InvalidParametersError(Exception):
    """The parameters of a request do not describe a task."""


class TooManyRequestsError(Exception):
    """A second batch request within one second."""


def create_application(api_key: str) -> Application:
    """A fresh service with no tasks, ready to be given to serving.serve."""
    service = Service(api_key)
    outbox = Outbox(service.clock)
    return Application(
        methods={},
        refuse=lambda http_status, path, description: error_answer(http_status, description),
        clock=service.clock,
        base_path=BASE_PATH,
        respond=lambda request: respond(service, outbox, request),
        background=lambda: sending(outbox),
        service=service,
    )


def respond(service: Service, outbox: Outbox, request: Request) -> Answer | RawAnswer:
    """S3: every call carries the authorization; then the path and the HTTP method decide."""
    if not is_authorized(service, request):
        challenge = {"WWW-Authenticate": 'Basic realm="independent"'}
        return error_answer(HTTPStatus.UNAUTHORIZED, "the authorization is missing or wrong", challenge)
    if request.path in (TASK_PATH, BATCH_PATH):
        if request.method != "POST":
            return error_answer(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is allowed", {"Allow": "POST"})
        return create(service, outbox, request)
    match = ONE_TASK_PATH.fullmatch(request.path)
    if match is None:
        return error_answer(HTTPStatus.NOT_FOUND, "there is no such address")
    if request.method != "GET":
        return error_answer(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is allowed", {"Allow": "GET"})
    with service.lock:
        task = service.tasks.get(match[1])
    if task is None:
        return error_answer(HTTPStatus.NOT_FOUND, "there is no such task")
    moment = now(service.clock)
    if match[2]:
        return results_answer(service, task, moment)
    return Answer(HTTPStatus.OK, status_object(service, task, moment))


def is_authorized(service: Service, request: Request) -> bool:
    """S3: the header is "Authorization: Basic TOKEN"; RFC 9110: the scheme's letter case has no meaning."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = service.api_key.encode("utf-8", "surrogateescape")
    return scheme.lower() == "basic" and hmac.compare_digest(token.strip().encode("latin-1"), expected)


def create(service: Service, outbox: Outbox, request: Request) -> Answer:
    """S3: create one task or a batch of them and answer at once."""
    try:
        parameters = decode_object(request.raw)
    except ValueError as error:
        return error_answer(HTTPStatus.BAD_REQUEST, str(error))
    try:
        check_common_parameters(parameters)
        if request.path == BATCH_PATH:
            return create_batch(service, outbox, parameters)
        return create_task(service, outbox, parameters)
    except InvalidParametersError as error:
        return error_answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    except TooManyRequestsError as error:
        return error_answer(HTTPStatus.TOO_MANY_REQUESTS, str(error))


def create_task(service: Service, outbox: Outbox, parameters: JsonObject) -> Answer:
    """S3: the response has the id and the parameters that are used."""
    for name in ("url", "query"):
        if not isinstance(parameters.get(name, ""), str | None):
            raise InvalidParametersError(f"{name} must be a string")
    if not parameters.get("url") and not parameters.get("query"):
        raise InvalidParametersError("a url or a query is required")
    with service.lock:
        task = register_task(service, outbox, parameters, now(service.clock))
    return Answer(HTTPStatus.OK, created_object(service, task))


def create_batch(service: Service, outbox: Outbox, parameters: JsonObject) -> Answer:
    """S3: urls or queries but not both, one target, 3000 entries, one request a second; C: the shape of the response.

    C: the batch's id is a JSON number, the ids of its tasks are strings. A refused batch does not count as a request.
    """
    name, entries = batch_entries(parameters)
    with service.lock:
        moment = now(service.clock)
        if moment - service.last_batch < BATCH_INTERVAL_SECONDS:
            raise TooManyRequestsError("only one batch request a second is allowed")
        service.last_batch = moment
        batch_id = next_id(service)
        tasks = [register_task(service, outbox, {**parameters, name: entry}, moment) for entry in entries]
    return Answer(HTTPStatus.OK, {"id": batch_id, "queries": [created_object(service, task) for task in tasks]})


def check_common_parameters(parameters: JsonObject) -> None:
    """S3: one target, a callback_url that can be posted to, and parse as a boolean."""
    if not isinstance(parameters.get("target", ""), str):
        raise InvalidParametersError("target must be one string")
    if not isinstance(parameters.get("parse", False), bool):
        raise InvalidParametersError("parse must be a boolean")
    callback_url = parameters.get("callback_url")
    if callback_url is not None and not is_callback_url(callback_url):
        raise InvalidParametersError("callback_url must be an http or https URL")


def batch_entries(parameters: JsonObject) -> tuple[str, list[str]]:
    """S3: the kind of a batch (url or query) and its entries."""
    names = [name for name in ("url", "query") if parameters.get(name) is not None]
    if len(names) != 1:
        raise InvalidParametersError("a batch has either urls or queries")
    entries = parameters[names[0]]
    if not isinstance(entries, list) or not entries:
        raise InvalidParametersError(f"{names[0]} must be a list that is not empty")
    if len(entries) > MAXIMUM_BATCH:
        raise InvalidParametersError(f"a batch has at most {MAXIMUM_BATCH} entries")
    if not all(isinstance(entry, str) and entry for entry in entries):
        raise InvalidParametersError(f"{names[0]} must hold strings that are not empty")
    return names[0], entries


def register_task(service: Service, outbox: Outbox, parameters: JsonObject, created: float) -> Task:
    """Keep a new task under an id of its own and arrange its callback. The caller holds the lock."""
    task_id = next_id(service)
    faulty = any(FAULTY_MARK in (parameters.get(name) or "") for name in ("url", "query"))
    task = Task(str(task_id), parameters, created, created + scraping_seconds(service.id_count), faulty)
    service.tasks[task.task_id] = task
    if parameters.get("callback_url") is not None:
        send_later(
            outbox, task.final + service.callback_seconds, parameters["callback_url"], callback_object(service, task)
        )
    return task


def next_id(service: Service) -> int:
    """An id that nothing else has, of tasks and batches alike. The caller holds the lock."""
    service.id_count += 1
    return service.first_id + ID_STEP * service.id_count


def created_object(service: Service, task: Task) -> JsonObject:
    """S3, first sample: all parameters, also those that the client has left out; the task is pending."""
    return {**DEFAULT_PARAMETERS, **task.parameters, **state_members(service, task, task.created)}


def status_object(service: Service, task: Task, moment: float) -> JsonObject:
    """S3, samples of the status: the state, the client's parameters and some of the others."""
    shown = {name: value for name, value in DEFAULT_PARAMETERS.items() if name not in CREATION_ONLY}
    return {**shown, **task.parameters, **state_members(service, task, moment)}


def callback_object(service: Service, task: Task) -> JsonObject:
    """S3: the id and the parameters, among them passthrough as the client has sent it."""
    return {**DEFAULT_PARAMETERS, **task.parameters, **state_members(service, task, task.final)}


def state_members(service: Service, task: Task, moment: float) -> JsonObject:
    """S3: pending while the task is in progress, then done or faulted; updated_at moves with the status."""
    is_final = moment >= task.final
    status = ("faulted" if task.faulty else "done") if is_final else "pending"
    return {
        "id": task.task_id,
        "status": status,
        "created_at": timestamp(service, task.created),
        "updated_at": timestamp(service, task.final if is_final else task.created),
    }


def results_answer(service: Service, task: Task, moment: float) -> Answer | RawAnswer:
    """S3: the same results at every read for 24 hours; C: 204 while there are none.

    No document states the rest: a faulted task has an empty list, and after the 24 hours the response is 404.
    """
    if moment - task.created > RESULT_SECONDS:
        return error_answer(HTTPStatus.NOT_FOUND, "the results are no longer available")
    if moment < task.final:
        return RawAnswer(HTTPStatus.NO_CONTENT)
    if task.faulty:
        return Answer(HTTPStatus.OK, {"results": []})
    return Answer(HTTPStatus.OK, {"results": [new_result(service, task)]})


def new_result(service: Service, task: Task) -> JsonObject:
    """C: the members of one result; the content is text, or an object when the client has asked to parse it."""
    url = task.parameters.get("url") or SEARCH_URL + quote(task.parameters["query"], errors="replace")
    parsed = {"url": url, "token": task.token}
    return {
        "content": parsed if task.parameters.get("parse") else f"<html><body>{task.token}</body></html>",
        "status_code": 200,
        "url": url,
        "task_id": task.task_id,
        "created_at": timestamp(service, task.created),
        "updated_at": timestamp(service, task.final),
    }


def timestamp(service: Service, moment: float) -> str:
    """S3: date and time to the second, without a zone."""
    return (service.epoch + timedelta(seconds=moment)).strftime(TIME_FORMAT)


def scraping_seconds(number: int) -> float:
    """How long the task of this number takes: every whole second from 1 to 8 comes up, in mixed order."""
    return float(1 + number * 5 % LONGEST_SCRAPING_SECONDS)


def error_answer(http_status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    """C: the body of an error."""
    return Answer(http_status, {"status": "failed", "message": message}, headers or {})
