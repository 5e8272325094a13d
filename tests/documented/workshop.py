"""The folder in which documented commands are run: with all that a reader would bring, in miniature."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from pollproof.clauses.faults import Settings
from pollproof.clock import ShiftedClock
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from pollproof.reference.provider import ReferenceProvider
from pollproof.reference.server import Served, serve
from tests.reports import passed
from tests.scaffold.test_openapi import document
from tests.servers import ROOT

KEY = "YOUR_API_KEY"

LIBRARY = '''"""A library for one API, as far as the documents use it."""

import json, os, time, urllib.request


class Client:
    def __init__(self, api_key, base_url, wait=None):
        self.key, self.base = api_key, base_url
        self.wait = float(os.environ.get("MY_LIBRARY_WAIT", "3.1")) if wait is None else wait

    def ask(self, path, **body):
        request = urllib.request.Request(
            self.base + path, json.dumps({"clientKey": self.key, **body}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def solve(self, task):
        made, end = self.ask("/createTask", task=task), time.monotonic() + 290
        polls = 0
        while made.get("status") != "ready":
            time.sleep(self.wait)
            polls += 1
            if time.monotonic() > end or polls > 120:  # both as the provider documents them
                raise TimeoutError("the task was not ready in time")
            made = {"taskId": made["taskId"], **self.ask("/getTaskResult", taskId=made["taskId"])}
        return made["solution"]
'''

PUBLISHED = """import os
from my_library import Client

api_key = ""


def solve(task):
    return Client(api_key, os.environ["CAPSOLVER_API_BASE"]).solve(task)
"""

MY_CLIENT = """import json, os

from my_library import Client

TASK = '{"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://example.com", "websiteKey": "SAMPLE"}'


def solve():
    base_url = os.environ["POLLPROOF_BASE_URL"]
    return Client("YOUR_API_KEY", base_url, wait=0).solve(json.loads(os.environ.get("POLLPROOF_TASK", TASK)))


if __name__ == "__main__":
    print(json.dumps(solve()))
"""


SOLVE = """import json, os
from my_library import Client

client = Client(os.environ["POLLPROOF_API_KEY"], base_url=os.environ["POLLPROOF_BASE_URL"])
print(json.dumps(client.solve(json.loads(os.environ["POLLPROOF_TASK"]))))
"""


class Workshop:
    """A folder, the providers that are served in it, and the environment of its shell."""

    def __init__(self, home: Path, stack: contextlib.ExitStack) -> None:
        self.home = home
        self.environment: dict[str, str] = {}
        self.done: set[str] = set()
        self.guided = False
        self._stack = stack
        self._served: dict[str, Served] = {}
        self._furnish()

    def _furnish(self) -> None:
        home, cassettes = self.home, ROOT / "cassettes"
        tape = cassettes / "capsolver" / "reference.yaml"
        for name in ("tape.yaml", "old.yaml", "new.yaml"):
            shutil.copy(tape, home / name)
        shutil.copy(cassettes / "capmonster" / "reference.yaml", home / "traffic.yaml")
        (home / "tests" / "cassettes").mkdir(parents=True)
        shutil.copy(tape, home / "tests" / "cassettes")
        (home / "cassettes" / "capsolver").mkdir(parents=True)
        shutil.copy(tape, home / "cassettes" / "capsolver")
        (home / "tests" / "clients").symlink_to(ROOT / "tests" / "clients")
        (home / "contracts").mkdir()
        (home / "my_library.py").write_text(LIBRARY, encoding="utf-8")
        (home / "api.yaml").write_text(json.dumps(document("3.1.0")), encoding="utf-8")  # which is YAML, too
        (home / "capsolver.py").write_text(PUBLISHED, encoding="utf-8")
        (home / "my_client.py").write_text(MY_CLIENT, encoding="utf-8")
        (home / "solve.py").write_text(SOLVE, encoding="utf-8")
        shutil.copy(ROOT / "examples" / "flask_app" / "app.py", home / "my_app.py")
        sample = next(iter(load_contract("capsolver").kinds.values())).sample
        (home / "task.json").write_text(json.dumps(sample), encoding="utf-8")
        start = f'#!/bin/sh\nexec "{sys.executable}" -m pollproof serve decodo --port "$PORT"\n'
        (home / "start.sh").write_text(start, encoding="utf-8")
        (home / "start.sh").chmod(0o755)
        (home / "session.har").write_text(_har(), encoding="utf-8")
        for name in ("report.json", "mine.json", "theirs.json"):
            (home / name).write_text(json.dumps(passed()), encoding="utf-8")

    def served(self, port: str, contract: Contract | None = None, mutant: str | None = None) -> Served:
        """What a document says to listen on that port: CapSolver's reference, unless something else was started."""
        if contract is not None or port not in self._served:
            clock = ShiftedClock()
            found = load_contract("capsolver") if contract is None else contract
            provider = ReferenceProvider(found, clock, Settings(solving=0.0))
            if mutant is not None:
                provider = mutant_named(found, mutant).provider(clock)
            self._served[port] = self._stack.enter_context(serve(provider, clock))
        return self._served[port]


def _har() -> str:
    """Traffic of Decodo's API as a browser keeps it: one task that is queued."""
    exchange = {
        "startedDateTime": "2026-03-04T11:51:04.000Z",
        "time": 100,
        "request": {
            "method": "POST",
            "url": "https://scraper-api.decodo.com/v3/task",
            "headers": [{"name": "Authorization", "value": "Basic YOUR_TOKEN"}],
            "postData": {"mimeType": "application/json", "text": '{"url": "https://ip.example"}'},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {
                "mimeType": "application/json",
                "text": json.dumps(
                    {
                        "id": "7434928397127555073",
                        "status": "pending",
                        "url": "https://ip.example",
                        "created_at": "2026-03-04 11:51:04",
                        "updated_at": "2026-03-04 11:51:04",
                    }
                ),
            },
        },
    }
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [exchange]}})


@contextlib.contextmanager
def workshop(home: Path) -> Iterator[Workshop]:
    """A workshop in an empty folder; what it serves ends with it."""
    assert threading.current_thread() is threading.main_thread(), "commands set handlers of signals"
    with contextlib.ExitStack() as stack:
        yield Workshop(home, stack)
