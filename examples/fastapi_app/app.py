"""A mock of CapMonster Cloud's createTask and getTaskResult in FastAPI, with the rules of its documentation."""

import itertools
import time

from fastapi import FastAPI, Request

KEY = "YOUR_API_KEY"
LIFETIME = 300
MAXIMUM_POLLS = 120
KNOWN_TASKS = {
    "RecaptchaV2Task",
    "RecaptchaV2TaskProxyless",
    "NoCaptchaTaskProxyless",
    "TurnstileTask",
    "ImageToTextTask",
}


def refuse(code: str, text: str, **more: object) -> dict[str, object]:
    """An error of the API; its HTTP status is 200."""
    return {"errorId": 1, "errorCode": code, "errorDescription": text, **more}


def create_app() -> FastAPI:
    """A mock without any task."""
    app = FastAPI()
    tasks: dict[int, dict] = {}
    numbers = itertools.count(407_533_072, 13)

    async def body_of(request: Request) -> dict:
        try:
            body = await request.json()
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @app.post("/createTask")
    async def create_task(request: Request):
        body = await body_of(request)
        if body.get("clientKey") != KEY:
            return refuse("ERROR_KEY_DOES_NOT_EXIST", "the key is wrong", taskId=0)
        task = body.get("task")
        if not isinstance(task, dict):
            return refuse("ERROR_TASK_ABSENT", "task is missing", taskId=0)
        if task.get("type") not in KNOWN_TASKS:
            return refuse("ERROR_TASK_NOT_SUPPORTED", "unknown type of task", taskId=0)
        task_id = next(numbers)
        tasks[task_id] = {"created": time.time(), "polls": 0}
        return {"errorId": 0, "taskId": task_id}

    @app.post("/getTaskResult")
    async def get_task_result(request: Request):
        body = await body_of(request)
        if body.get("clientKey") != KEY:
            return refuse("ERROR_KEY_DOES_NOT_EXIST", "the key is wrong")
        task_id = body.get("taskId")
        task = tasks.get(task_id) if type(task_id) is int else None
        if task is None or time.time() - task["created"] > LIFETIME:
            return refuse("WRONG_CAPTCHA_ID", "no such task, or not any more")
        task["polls"] += 1
        if task["polls"] > MAXIMUM_POLLS:
            return refuse("ERROR_TOO_MUCH_REQUESTS", "more than 120 polls of this task")
        if time.time() - task["created"] < 6:
            return {"errorId": 0, "status": "processing"}
        return {"errorId": 0, "status": "ready", "solution": {"gRecaptchaResponse": f"3AHJ_VuvYIBNBW5yyv0z{task_id}"}}

    return app
