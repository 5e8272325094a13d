"""A mock of CapSolver's createTask and getTaskResult in one Django file, with the rules of its documentation."""

import json
import secrets
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

KEY = "YOUR_API_KEY"
LIFETIME = 300
MAXIMUM_POLLS = 120
TASKS: dict[str, dict] = {}

if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="not-secret")
    django.setup()


class Refused(Exception):
    """A request that the API refuses: its error code and text."""


def checked_body(request: HttpRequest) -> dict:
    """The JSON object of a request with the right key; raises `Refused`."""
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused("ERROR_BAD_REQUEST", "the body is not a JSON object")
    if body.get("clientKey") != KEY:
        raise Refused("ERROR_KEY_DENIED_ACCESS", "the key is wrong")
    return body


def answer(view):
    """A view whose refusals become errors of the API."""

    def called(request: HttpRequest) -> JsonResponse:
        try:
            return JsonResponse(view(checked_body(request)))
        except Refused as refused:
            code, text = refused.args
            return JsonResponse({"errorId": 1, "errorCode": code, "errorDescription": text}, status=400)

    return called


def create_task(body: dict) -> dict:
    """Create a task, or recognise an image at once."""
    task = body.get("task")
    if not isinstance(task, dict) or not isinstance(task.get("type"), str):
        raise Refused("ERROR_INVALID_TASK_DATA", "task.type is missing")
    made = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": secrets.token_hex(16)}
    if task["type"] == "ImageToTextTask":
        return {**made, "status": "ready", "solution": {"text": "44795sds"}}
    if task["type"] != "ReCaptchaV2TaskProxyLess":
        raise Refused("ERROR_TASK_NOT_SUPPORTED", "unknown type of task")
    TASKS[made["taskId"]] = {"created": time.time(), "polls": 0}
    return made


def get_task_result(body: dict) -> dict:
    """Say how a task stands."""
    task_id = body.get("taskId")
    task = TASKS.get(task_id) if isinstance(task_id, str) else None
    if task is None or time.time() - task["created"] > LIFETIME or task["polls"] >= MAXIMUM_POLLS:
        raise Refused("ERROR_TASKID_INVALID", "no such task, or not any more")
    task["polls"] += 1
    if time.time() - task["created"] < 4:
        return {"errorId": 0, "taskId": task_id, "status": "processing"}
    solution = {"gRecaptchaResponse": f"03AGdBq2-{task_id}"}
    return {"errorId": 0, "taskId": task_id, "status": "ready", "solution": solution}


urlpatterns = [
    path("createTask", answer(create_task)),
    path("getTaskResult", answer(get_task_result)),
]
application = get_wsgi_application()
