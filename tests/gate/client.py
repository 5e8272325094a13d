"""A client of CapSolver in the standard library alone: python client.py [FAULT]. Without a fault it is lawful."""

import http.client
import json
import os
import sys
import time
from urllib.parse import urlsplit

BASE = urlsplit(os.environ["POLLPROOF_BASE_URL"])
KEY = os.environ["POLLPROOF_API_KEY"]
TASK = json.loads(os.environ["POLLPROOF_TASK"])
FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
WAIT = 1.5 if FAULT == "wait" else 3
RETRIES = {"retries": 400, "endless": 10**6}.get(FAULT, 3)


def ask(path, **body):
    """One answer; retried a few times when nothing readable came."""
    for number in range(RETRIES + 1):
        if number:
            time.sleep(WAIT * min(number, 4) if RETRIES == 3 else 0.5)
        connection = http.client.HTTPConnection(BASE.netloc, timeout=30)
        try:
            connection.request("POST", BASE.path + path, json.dumps(body), {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            problem = repr(error)
        finally:
            connection.close()
    sys.exit(f"no response: {problem}")


def poll(identifier):
    body = {"taskId": 5 if FAULT == "same-task-id" else identifier, "clientKey": KEY}
    if FAULT == "poll-request":
        del body["clientKey"]
    return ask("/getTaskResult", **body)


def end(solution):
    if FAULT == "solution":
        solution = "done"
    print(json.dumps(solution))
    sys.exit()


def give_up(why):
    sys.exit(0 if FAULT == "failure" else why)


task = {} if FAULT == "create-request" else TASK
made = ask("/createTask", clientKey=KEY, task=task)
if made["errorId"]:
    give_up(made.get("errorCode"))
if made.get("solution") and FAULT != "synchronous":
    end(made["solution"])
started = time.monotonic()
polls = 0
while time.monotonic() - started < 290:
    if FAULT != "no-wait":
        time.sleep(2.2 if FAULT == "budget" else WAIT)
    polls += 1
    answer = poll(made["taskId"])
    if answer["errorId"]:
        if FAULT == "final" and polls < 20:
            continue
        give_up(answer.get("errorCode"))
    if answer["status"] == "ready":
        if not answer.get("solution"):
            give_up("ready without a solution")
        end(answer["solution"])
if FAULT == "lifetime":
    time.sleep(30)
    poll(made["taskId"])
give_up("not ready in time")
