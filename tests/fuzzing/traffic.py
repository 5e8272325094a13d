"""Traffic: what clients of CapSolver say over a long time, as much of it as is wanted, in order of time."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from tests import tapes
from tests.tapes import KEY, Said

CLIENTS = 20
"""Tasks that are under way at the same time."""

TYPES = ("ReCaptchaV2TaskProxyLess", "HCaptchaTaskProxyLess", "AntiTurnstileTaskProxyLess")

ASKED = {
    "User-Agent": "python-requests/2.32.3",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
TOLD = {
    "Server": "nginx",
    "Connection": "keep-alive",
    "Vary": "Accept-Encoding",
    "Strict-Transport-Security": "max-age=15724800; includeSubDomains",
    "Content-Type": "application/json; charset=utf-8",
}
"""Headers as they come with such exchanges; lengths and dates are added."""


def stream(*, faults: float = 0.0, seed: int = 0) -> Iterator[Said]:
    """Tasks of every kind, twenty at a time: created, polled every three seconds, ready or failed.

    `faults` is the share of tasks that are polled too fast, or are in work again after their end.
    """
    dice = random.Random(seed)
    waiting = [(0.3 * number, number, _task(dice, number, 0.3 * number, faults)) for number in range(CLIENTS)]
    number = CLIENTS
    heapq.heapify(waiting)
    while True:
        _, which, task = heapq.heappop(waiting)
        said, following = next(task)
        yield said
        if following is None:
            at = said.at + dice.uniform(0.5, 2.0)
            which, task = number, _task(dice, number, at, faults)
            number, following = number + 1, at
        heapq.heappush(waiting, (following, which, task))


def _task(dice: random.Random, number: int, at: float, faults: float) -> Iterator[tuple[Said, float | None]]:
    """What is said of one task, each with the time of what follows."""
    identifier = f"{dice.getrandbits(128):032x}"
    task = {"type": TYPES[number % 3], "websiteURL": "https://example.com/login", "websiteKey": "sample-site-key"}
    faulty = dice.random() < faults
    told: dict[str, Any] = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": identifier}
    wait = 1.0 if faulty else 3.1
    yield Said(at, "/createTask", {"clientKey": KEY, "task": task}, told), at + wait
    asked = {"clientKey": KEY, "taskId": identifier}
    for _ in range(dice.randint(1, 6)):
        at += wait
        told = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": identifier, "status": "processing"}
        yield Said(at, "/getTaskResult", asked, told), at + wait
    at += wait
    if number % 20 == 0:
        told = {"errorId": 1, "errorCode": "ERROR_CAPTCHA_UNSOLVABLE", "errorDescription": "", "taskId": identifier}
        told["status"] = "failed"
    else:
        token = f"{dice.getrandbits(2400):0600x}"
        told = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": identifier, "status": "ready"}
        told["solution"] = {"gRecaptchaResponse": token, "userAgent": "Mozilla/5.0", "expireTime": 1_800_000_000_000}
    yield Said(at, "/getTaskResult", asked, told), at + wait if faulty else None
    if faulty:
        told = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": identifier, "status": "processing"}
        yield Said(at + wait, "/getTaskResult", asked, told), None


def write_har(path: Path, said: Iterable[Said]) -> Path:
    """A HAR file, written as the traffic comes."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"log": {"version": "1.2", "creator": {"name": "a test", "version": "1"}, "entries": [\n')
        for number, one in enumerate(said):
            entry = tapes.har_entry(one)
            entry["request"]["headers"] += [{"name": name, "value": value} for name, value in ASKED.items()]
            entry["response"]["headers"] += [{"name": name, "value": value} for name, value in TOLD.items()]
            file.write((",\n" if number else "") + json.dumps(entry))
        file.write("\n]}}\n")
    return path


def write_cassette(path: Path, said: Iterable[Said]) -> Path:
    """A cassette as vcrpy writes it."""
    document = tapes.cassette(list(said))
    for one in document["interactions"]:
        one["request"]["headers"] |= {name: [value] for name, value in ASKED.items()}
        one["request"]["headers"]["Content-Length"] = [str(len(one["request"]["body"]))]
        one["response"]["headers"] |= {name: [value] for name, value in TOLD.items()}
    path.write_text(yaml.dump(document, Dumper=yaml.CDumper), encoding="utf-8")
    return path


def write_archive(folder: Path, count: int, each: int) -> Path:
    """A folder of folders with so many HAR files."""
    said = stream()
    for number in range(count):
        inside = folder / f"{number // 500:04}"
        inside.mkdir(parents=True, exist_ok=True)
        write_har(inside / f"{number % 500:04}.har", islice(said, each))
    return folder
