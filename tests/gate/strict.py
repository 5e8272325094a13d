"""A client that believes its page to the letter: an error is the end, and a member that it does not list is too.

python strict.py capsolver|capmonster
"""

import http.client
import json
import os
import sys
import time

HOST = os.environ["POLLPROOF_BASE_URL"].removeprefix("http://")
KNOWN = {"errorId", "errorCode", "errorDescription", "taskId", "status", "solution"}


def send(path, **body):
    connection = http.client.HTTPConnection(HOST, timeout=60)
    connection.request("POST", path, json.dumps({"clientKey": os.environ["POLLPROOF_API_KEY"], **body}))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if answer["errorId"]:
        sys.exit(f"an error: {answer}")
    if answer.keys() - KNOWN:
        sys.exit(f"members that no page lists: {answer.keys() - KNOWN}")
    return answer


answer = send("/createTask", task=json.loads(os.environ["POLLPROOF_TASK"]))
task = answer["taskId"]
while answer.get("status") != "ready":
    time.sleep(3)
    answer = send("/getTaskResult", taskId=task)
print(json.dumps(answer["solution"]))
