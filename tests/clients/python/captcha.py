"""A client of CapSolver and CapMonster Cloud, written with requests: python captcha.py PROVIDER [--fault NAME].

It prints the solution and ends with 0, or says on stderr why there is none and ends with 1. Without a fault it keeps
every rule of both providers; each fault breaks one, at the place where the name of the fault stands.
"""

import argparse
import json
import os
import sys
import time
import uuid

import requests
import urllib3

PROVIDERS = {
    "capsolver": {"wait": 3.0, "pending": set(), "busy": {"ERROR_SERVICE_UNAVALIABLE", "ERROR_RATE_LIMIT"}},
    "capmonster": {
        "wait": 2.0,
        "pending": {"CAPTCHA_NOT_READY"},
        "busy": {"ERROR_TOO_MUCH_REQUESTS", "ERROR_SERVICE_NOT_AVAILABLE"},
    },
}
POLLS = 120
LIFETIME = 290.0  # a task lives for five minutes; the last poll leaves in good time before their end
OFTEN = 2.05  # seconds between more polls than are allowed, within the lifetime
RETRIES = 4  # requests in a row that may come to nothing
TIMEOUT = 30.0
LARGEST = 4_000_000
FIELDS = {"errorId", "errorCode", "errorDescription", "taskId", "status", "solution"}

BASE_URL = os.environ["POLLPROOF_BASE_URL"].rstrip("/")
API_KEY = os.environ["POLLPROOF_API_KEY"]
TASK = json.loads(os.environ["POLLPROOF_TASK"])


class GaveUp(Exception):
    """There is no solution, and this is why."""


class Refused(GaveUp):
    """The provider said why."""

    def __init__(self, answer):
        self.code = answer.get("errorCode") or "an error without a code"
        super().__init__(f"{self.code}: {answer.get('errorDescription') or ''}")


class Trouble(Exception):
    """A response, or the lack of one, that says nothing about the task."""

    def __init__(self, why, kind, retry_after=0.0):
        super().__init__(why)
        self.kind = kind
        self.retry_after = retry_after


class Client:
    def __init__(self, provider, fault):
        self.__dict__.update(PROVIDERS[provider])
        self.provider = provider
        self.fault = fault
        self.session = requests.Session()
        self.retries = POLLS if fault == "hot-on-error" else RETRIES
        self.timeout = None if fault == "no-time-limit" else TIMEOUT
        if fault == "over-lifetime":
            self.wait = 3.0  # so that the lifetime ends before the polls do

    def solve(self):
        created, started = self.create()
        if created.get("status") == "ready" and self.fault != "polls-inline":
            return self.solution(created)
        if self.fault == "idle-as-success" and created.get("status") == "idle":
            return created
        if self.fault == "needs-status" and created["status"] == "ready":
            return self.solution(created)
        return self.wait_for(created["taskId"], started)

    def create(self):
        """The response of createTask, and when it was asked for."""
        task = dict(TASK)
        if self.fault == "untyped-task":
            del task["type"]
        body = {"clientKey": API_KEY, "task": task}
        if self.fault == "extra-fields":
            body.update(softId=7, languagePool="en")
        failures = 0
        while True:
            started = time.monotonic()
            try:
                answer = self.call("createTask", body)
                if answer["errorId"] > 0 and answer.get("errorCode") in self.busy:
                    raise Trouble(answer["errorCode"], "busy")
                break
            except Trouble as trouble:
                failures += 1
                if failures > self.retries and self.fault != f"endless-{trouble.kind}":
                    raise GaveUp(f"createTask came to nothing {failures} times: {trouble}") from None
                self.pause_after(trouble, failures)
        if answer["errorId"] > 0:
            raise Refused(answer)
        if answer.get("status") != "ready" and answer.get("taskId") in (None, "", 0):
            raise GaveUp("createTask gave no taskId")
        return answer, started

    def wait_for(self, task_id, started):
        failures = polls = 0
        pause = self.wait
        while True:
            over = polls >= POLLS or time.monotonic() - started + pause > LIFETIME
            if over and not self.polls_all_the_same(polls):
                if self.fault == "giving-up-as-success":
                    return {}
                raise GaveUp(f"not ready after {polls} polls")
            time.sleep(pause)
            polls += 1
            try:
                answer = self.call("getTaskResult", self.poll_body(task_id))
                state = self.read(answer)
                failures = 0
                pause = self.pause(state)
                if state == "ready":
                    if self.fault == "polls-after-final":
                        time.sleep(self.wait)
                        self.call("getTaskResult", self.poll_body(task_id))
                    return self.solution(answer)
                if self.fault == "id-from-answer":
                    task_id = answer.get("taskId")
            except Trouble as trouble:
                failures += 1
                if failures > self.retries and self.fault != f"endless-{trouble.kind}":
                    raise GaveUp(f"getTaskResult came to nothing {failures} times: {trouble}") from None
                pause = self.pause_after(trouble, failures, sleep=False)

    def read(self, answer):
        """What a response says: ready, or that the client is to ask again."""
        if answer["errorId"] > 0:
            code = answer.get("errorCode")
            if code in self.pending and self.fault != "pending-as-final":
                return "processing"
            if code in self.busy:
                return "busy"
            if self.fault == "polls-on-after-error" and "status" not in answer:
                return "processing"
            raise Refused(answer)
        status = answer.get("status")
        if status == "failed":
            raise Refused(answer)
        if status not in ("idle", "processing", "ready"):
            return "ready" if self.fault == "unknown-as-success" else "unknown"
        if status == "idle" and self.fault == "idle-as-success":
            return "ready"
        return status

    def solution(self, answer):
        if not answer.get("solution") and self.fault not in (
            "ready-without-solution",
            "idle-as-success",
            "unknown-as-success",
        ):
            raise GaveUp("the task is ready, and there is no solution")
        return answer.get("solution")

    def pause(self, state):
        """How long to wait after a response."""
        if self.fault == "half-wait":
            return self.wait / 2
        if self.fault == "milliseconds":
            return self.wait / 1000
        if self.fault == "over-budget":
            return OFTEN
        if self.fault == "hot-on-unknown" and state == "unknown":
            return 0.0
        if self.fault == "hot-on-error" and state == "busy":
            return 0.0
        return self.wait

    def pause_after(self, trouble, failures, sleep=True):
        """How long to wait after a response that came to nothing: longer each time, or as long as was asked for."""
        pause = max(self.wait * 2 ** min(failures - 1, 4), trouble.retry_after)
        if self.fault == "hot-on-error":
            pause = 0.0
        if sleep and pause > LIFETIME:
            raise GaveUp(f"asked to wait for {pause:g} s")
        if sleep:
            time.sleep(pause)
        return pause

    def polls_all_the_same(self, polls):
        if self.fault == "over-budget":
            return polls <= POLLS
        if self.fault == "over-lifetime" and self.wait < 100:
            self.wait = 100.0  # once more, much later
            time.sleep(self.wait)
            return True
        return False

    def poll_body(self, task_id):
        if self.fault == "another-id":
            task_id = task_id + 1 if isinstance(task_id, int) else task_id.upper() + "0"
        if self.fault == "id-retyped":
            task_id = str(task_id) if isinstance(task_id, int) else uuid.UUID(task_id).int
        if self.fault == "id-rounded" and str(task_id).isdigit():
            task_id = type(task_id)(int(float(task_id)))
        if self.fault == "keyless-poll":
            return {"taskId": task_id}
        return {"clientKey": API_KEY, "taskId": task_id}

    def call(self, method, body):
        """One request and its response, read. Raises Trouble when it came to nothing."""
        headers = {}
        if self.fault == "key-in-header":
            headers["Authorization"] = f"Bearer {body.pop('clientKey', API_KEY)}"
        try:
            with self.session.post(
                f"{BASE_URL}/{method}", json=body, headers=headers, timeout=self.timeout, stream=True
            ) as response:
                content = self.content(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Trouble(f"{type(error).__name__}: {error}", "reset") from None
        if self.fault == "loses-http-errors":
            if 400 <= response.status_code < 500:
                raise GaveUp(f"HTTP {response.status_code}")
        try:
            answer = json.loads(content)
            if type(answer["errorId"]) is not int:
                raise ValueError("errorId is no number")
        except (ValueError, KeyError, TypeError, RecursionError):
            if 400 <= response.status_code < 500 and response.status_code not in (408, 425, 429):
                raise GaveUp(f"HTTP {response.status_code}") from None
            after = response.headers.get("Retry-After", "")
            raise Trouble(
                f"HTTP {response.status_code} without a readable response",
                "5xx" if response.status_code >= 500 else "broken",
                retry_after=float(after) if after.isdigit() else 0.0,
            ) from None
        if self.fault == "strict-fields" and not answer.keys() <= FIELDS:
            raise TypeError(f"unexpected fields {sorted(answer.keys() - FIELDS)}")
        return answer

    @staticmethod
    def content(response):
        """The body, within bounds of size and time."""
        started, parts, size = time.monotonic(), [], 0
        while part := response.raw.read1(65_536, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > LARGEST or time.monotonic() - started > TIMEOUT:
                raise urllib3.exceptions.HTTPError("the response is too large or too slow")
        return b"".join(parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("provider", choices=PROVIDERS)
    parser.add_argument("--fault")
    arguments = parser.parse_args()
    try:
        solution = Client(arguments.provider, arguments.fault).solve()
    except GaveUp as reason:
        if arguments.fault == "failure-as-success" and isinstance(reason, Refused):
            print(f"done: {reason}")
            return 0
        print(f"no solution: {reason}", file=sys.stderr)
        return 1
    text = json.dumps(solution)
    if arguments.fault == "wrong-solution":
        text = text[: len(text) // 2]
    if arguments.fault == "empty-solution":
        text = "{}"
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
