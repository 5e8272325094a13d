"""A client of any bundled provider that polls until its task is finished: python endless.py PROVIDER PAUSE."""

import http.client
import json
import os
import re
import sys
import time

PROVIDER, PAUSE = sys.argv[1], float(sys.argv[2])
HOST, _, PREFIX = os.environ["POLLPROOF_BASE_URL"].removeprefix("http://").partition("/")
KEY, TASK = os.environ["POLLPROOF_API_KEY"], os.environ["POLLPROOF_TASK"]
CONNECTION = http.client.HTTPConnection(HOST, timeout=60)
ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
SOAP = ENVELOPE + '<e:Body><n:{0} xmlns:n="ns1">{1}</n:{0}></e:Body></e:Envelope>'


def send(method, path, body=None, **headers):
    CONNECTION.request(method, f"/{PREFIX}{path}".replace("//", "/"), body, headers)
    return CONNECTION.getresponse().read().decode()


def captcha(path, **body):
    return json.loads(send("POST", path, json.dumps({"clientKey": KEY, **body})))


def create():
    if PROVIDER == "decodo":
        return json.loads(send("POST", "/task", TASK, Authorization=f"Basic {KEY}"))["id"]
    if PROVIDER == "cnode":
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in json.loads(TASK).items())
        return re.search("<taskId[^>]*>([^<]+)<", send("POST", "", SOAP.format("startLogin", fields)))[1]
    return captcha("/createTask", task=json.loads(TASK))["taskId"]


def solution(task):
    """The solution; None while there is none, whatever else the response says."""
    if PROVIDER == "decodo":
        headers = {"Authorization": f"Basic {KEY}"}
        if json.loads(send("GET", f"/task/{task}", **headers)).get("status") == "done":
            return send("GET", f"/task/{task}/results", **headers)
        return None
    if PROVIDER == "cnode":
        answer = send("POST", "", SOAP.format("getTaskStatus", f"<taskId>{task}</taskId>"))
        return answer if "FINISHED_OK" in answer else None
    answer = captcha("/getTaskResult", taskId=task)
    return answer.get("solution") if answer.get("status") == "ready" else None


task = create()
while (found := solution(task)) is None:
    time.sleep(PAUSE)
print(found)
