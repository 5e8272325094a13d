"""A mock of CapSolver's createTask and getTaskResult in Flask, with the rules of its documentation."""

import time
import uuid

from flask import Flask, Response, jsonify, request

KEY = "YOUR_API_KEY"
LIFETIME = 300
MAXIMUM_POLLS = 120
TOKEN_TASKS = {"ReCaptchaV2TaskProxyLess"}
IMAGE_TASKS = {"ImageToTextTask"}


def create_app() -> Flask:
    """A mock without any task."""
    app = Flask(__name__)
    tasks: dict[str, dict] = {}

    def refuse(code: str, text: str) -> tuple[Response, int]:
        return jsonify(errorId=1, errorCode=code, errorDescription=text), 400

    @app.post("/createTask")
    def create_task():
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return refuse("ERROR_BAD_REQUEST", "the body is not a JSON object")
        if body.get("clientKey") != KEY:
            return refuse("ERROR_KEY_DENIED_ACCESS", "the key is wrong")
        task = body.get("task")
        if not isinstance(task, dict) or not isinstance(task.get("type"), str):
            return refuse("ERROR_INVALID_TASK_DATA", "task.type is missing")
        if task["type"] not in TOKEN_TASKS | IMAGE_TASKS:
            return refuse("ERROR_TASK_NOT_SUPPORTED", "unknown type of task")
        task_id = str(uuid.uuid4())
        made = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": task_id}
        if task["type"] in IMAGE_TASKS:  # recognised at once: the solution is in this answer
            return jsonify(**made, status="ready", solution={"text": "44795sds"})
        tasks[task_id] = {"created": time.time(), "polls": 0}
        return jsonify(made)

    @app.post("/getTaskResult")
    def get_task_result():
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return refuse("ERROR_BAD_REQUEST", "the body is not a JSON object")
        if body.get("clientKey") != KEY:
            return refuse("ERROR_KEY_DENIED_ACCESS", "the key is wrong")
        task_id = body.get("taskId")
        task = tasks.get(task_id) if isinstance(task_id, str) else None
        if task is None or time.time() - task["created"] > LIFETIME or task["polls"] >= MAXIMUM_POLLS:
            return refuse("ERROR_TASKID_INVALID", "no such task, or not any more")
        task["polls"] += 1
        age = time.time() - task["created"]
        if age < 1:
            return jsonify(errorId=0, taskId=task_id, status="idle")
        if age < 5:
            return jsonify(errorId=0, taskId=task_id, status="processing")
        solution = {"gRecaptchaResponse": f"03AGdBq2-{task_id}", "userAgent": "Mozilla/5.0"}
        return jsonify(errorId=0, taskId=task_id, status="ready", solution=solution)

    return app
