"""A client of Decodo's scraper API, written with requests: python decodo.py [--batch-size N] [--fault NAME].

A task whose url (or query) is a list is sent in batches. It prints the results and ends with 0, or says on stderr why
there are none and ends with 1. Without a fault it keeps every rule of the page; each fault breaks one, at the place
where the name of the fault stands.
"""

import argparse
import json
import os
import sys
import time

import requests
import urllib3

WAIT = 3.0
POLLS = 120
RETRIES = 4  # requests in a row that may come to nothing
TIMEOUT = 30.0
LARGEST = 4_000_000

BASE_URL = os.environ["POLLPROOF_BASE_URL"].rstrip("/")
TOKEN = os.environ["POLLPROOF_API_KEY"]
TASK = json.loads(os.environ["POLLPROOF_TASK"])


class GaveUp(Exception):
    """There are no results, and this is why."""


class Refused(GaveUp):
    """The provider said why."""


class Trouble(Exception):
    """A response, or the lack of one, that says nothing about the task."""

    def __init__(self, why, kind, retry_after=0.0):
        super().__init__(why)
        self.kind = kind
        self.retry_after = retry_after


class Client:
    def __init__(self, fault, batch_size):
        self.fault = fault
        self.batch_size = batch_size
        self.session = requests.Session()
        scheme = "Bearer" if fault == "bearer" else "Basic"
        if fault == "token-in-address":
            self.session.params = {"token": TOKEN}
        elif fault != "no-token":
            self.session.headers["Authorization"] = f"{scheme} {TOKEN}"

    def solve(self):
        tasks = [task for kind in ("url", "query") if isinstance(TASK.get(kind), list) for task in self.batches(kind)]
        if not tasks:
            tasks = [self.create("task", self.body(TASK))]
        return [result for task in tasks for result in self.results(str(task["id"]))]

    def body(self, task):
        if self.fault == "no-url":
            return {name: value for name, value in task.items() if name not in ("url", "query")}
        return task

    def batches(self, kind):
        """The tasks of all urls (or queries), batch after batch, at most one in a second."""
        entries, tasks = TASK[kind], []
        for first in range(0, len(entries), self.batch_size):
            if first and self.fault != "hasty-batches":
                time.sleep(1.0)
            body = {**TASK, kind: entries[first : first + self.batch_size]}
            if self.fault == "urls-and-queries":
                body["query" if kind == "url" else "url"] = ["one more"]
            answer = self.create("task/batch", body)
            tasks += answer["queries"] if isinstance(answer, dict) else answer
        return tasks

    def create(self, path, body):
        failures = 0
        while True:
            try:
                status, answer = self.call("POST", path, body)
            except Trouble as trouble:
                failures += 1
                self.pause_after(trouble, failures)
                continue
            if status >= 400:
                raise Refused(self.message(status, answer))
            if (isinstance(answer, dict) and ("id" in answer or "queries" in answer)) or isinstance(answer, list):
                return answer
            raise GaveUp("queueing gave no id")

    def results(self, task_id):
        if self.fault == "another-id":
            task_id = task_id[:-1] + ("1" if task_id[-1] == "0" else "0")
        if self.fault == "id-rounded":
            task_id = str(int(float(task_id)))
        if self.fault in ("empty-as-success", "empty-as-failure", "ignores-faulted"):
            return self.fetched_blindly(task_id)
        self.wait_for(task_id)
        results = self.fetched(task_id, RETRIES)
        if self.fault == "reads-again":
            self.call("GET", f"task/{task_id}")
        return results

    def wait_for(self, task_id):
        """Return when the task is done."""
        failures, pause = 0, WAIT
        for _ in range(POLLS):
            time.sleep(pause)
            try:
                http, answer = self.call("GET", f"task/{task_id}")
            except Trouble as trouble:
                failures += 1
                pause = self.pause_after(trouble, failures, sleep=False)
                continue
            failures, pause = 0, self.pause(answer)
            if http >= 400:
                raise Refused(self.message(http, answer))
            status = answer.get("status") if isinstance(answer, dict) else None
            if status == "done":
                return
            if status == "faulted" and self.fault not in ("faulted-as-done", "polls-on-after-faulted"):
                raise Refused("the task is faulted")
            if status != "pending" and self.fault in ("unknown-as-success", "faulted-as-done"):
                return
        if self.fault != "giving-up-as-success":
            raise GaveUp(f"not done after {POLLS} polls")

    def fetched(self, task_id, tries):
        """The results of a task that is done."""
        failures = empty = 0
        while True:
            try:
                http, answer = self.call("GET", f"task/{task_id}/results")
            except Trouble as trouble:
                failures += 1
                self.pause_after(trouble, failures)
                continue
            if http >= 400:
                raise Refused(self.message(http, answer))
            results = answer.get("results") if isinstance(answer, dict) else None
            if isinstance(results, list) and any(isinstance(one, dict) and one.get("content") for one in results):
                return results
            if self.fault in ("done-without-results", "giving-up-as-success", "faulted-as-done", "unknown-as-success"):
                return []
            empty += 1
            if empty > tries:
                raise GaveUp("the task is done, and there are no results")
            time.sleep(WAIT)

    def fetched_blindly(self, task_id):
        """Asks for the results alone, as the samples of some libraries do."""
        if self.fault == "ignores-faulted":
            while True:  # a task that is faulted never has any
                time.sleep(WAIT)
                http, answer = self.call("GET", f"task/{task_id}/results")
                if http == 200 and answer and answer.get("results"):
                    return answer["results"]
        time.sleep(WAIT)
        http, answer = self.call("GET", f"task/{task_id}/results")
        if http == 204 and self.fault == "empty-as-failure":
            raise GaveUp("HTTP 204: no results")
        return (answer or {}).get("results") or []

    def pause(self, answer):
        """How long to wait after a response."""
        if self.fault == "hot":
            return 0.0
        status = answer.get("status") if isinstance(answer, dict) else None
        if self.fault == "hot-on-unknown" and status not in ("pending", "done", "faulted"):
            return 0.0
        return WAIT / 1000 if self.fault == "milliseconds" else WAIT

    def pause_after(self, trouble, failures, sleep=True):
        """How long to wait after a response that came to nothing: longer each time, or as long as was asked for."""
        retries = POLLS if self.fault == "hot-on-error" else RETRIES
        if failures > retries and self.fault != f"endless-{trouble.kind}":
            raise GaveUp(f"{failures} requests came to nothing: {trouble}")
        pause = max(WAIT * 2 ** min(failures - 1, 4), trouble.retry_after)
        if self.fault == "hot-on-error":
            pause = 0.0
        if pause > 3600:
            raise GaveUp(f"asked to wait for {pause:g} s")
        if sleep:
            time.sleep(pause)
        return pause

    @staticmethod
    def message(http, answer):
        return f"HTTP {http}: {answer.get('message') if isinstance(answer, dict) else 'no message'}"

    def call(self, method, path, body=None):
        """One request: the HTTP status and the body, read. Raises Trouble when it came to nothing."""
        try:
            with self.session.request(
                method, f"{BASE_URL}/{path}", json=body, timeout=TIMEOUT, stream=True
            ) as response:
                content = self.content(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Trouble(f"{type(error).__name__}: {error}", "reset") from None
        http = response.status_code
        after = response.headers.get("Retry-After", "")
        if http in (408, 425, 429) or http >= 500:
            raise Trouble(f"HTTP {http}", "5xx" if http >= 500 else "busy", float(after) if after.isdigit() else 0.0)
        if http >= 400 and self.fault == "loses-http-errors":
            raise GaveUp(f"HTTP {http}")
        if http == 204:
            return http, None
        try:
            return http, json.loads(content)
        except (ValueError, RecursionError):
            if http >= 400:
                return http, None
            raise Trouble(f"HTTP {http} without a readable response", "broken") from None

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
    parser.add_argument("--batch-size", type=int, default=3000)
    parser.add_argument("--fault")
    arguments = parser.parse_args()
    try:
        results = Client(arguments.fault, arguments.batch_size).solve()
    except GaveUp as reason:
        if arguments.fault == "failure-as-success" and isinstance(reason, Refused):
            print(f"done: {reason}")
            return 0
        print(f"no results: {reason}", file=sys.stderr)
        return 1
    text = json.dumps(results)
    if arguments.fault == "wrong-results":
        text = text[:20]
    if arguments.fault == "empty-results":
        text = "[]"
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
