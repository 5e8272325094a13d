"""Recordings for tests: the same conversation as a cassette of vcrpy (YAML, JSON) and as a HAR file."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CREATE, POLL = "/createTask", "/getTaskResult"
TASK = {"type": "ReCaptchaV2TaskProxyLess", "websiteURL": "https://example.com/", "websiteKey": "sample-site-key"}
ID = "b974dd8e-1f4a-4c3b-9d2e-000000000001"
KEY = "YOUR_API_KEY"


class Said(NamedTuple):
    """One exchange: seconds after the beginning, path, request body, response body (None: no response), HTTP status."""

    at: float
    path: str
    asked: Any
    told: Any
    status: int = 200
    took: float = 0.2
    base: str = "https://api.capsolver.com"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    encoding: str = ""


def created(at: float = 0.0, identifier: Any = ID, **more: Any) -> Said:
    told = {"errorId": 0, "errorCode": "", "errorDescription": "", "taskId": identifier}
    return Said(at, CREATE, {"clientKey": KEY, "task": TASK}, told, **more)


def polled(at: float, status: str, identifier: Any = ID, token: str = "the-token-of-this-task", **more: Any) -> Said:
    told: dict[str, Any] = {"errorId": 0, "status": status}
    if status == "ready":
        told["solution"] = {"gRecaptchaResponse": token}
    return Said(at, POLL, {"clientKey": KEY, "taskId": identifier}, told, **more)


def lawful() -> list[Said]:
    """A task that is created, polled every three seconds, and ready."""
    return [created(), *(polled(3.1 * n, "processing") for n in range(1, 4)), polled(12.6, "ready")]


ENCODERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": lambda body: gzip.compress(body, mtime=0)}


def text_of(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def interaction(said: Said, *, dated: bool = True) -> dict[str, Any]:
    headers = {"Content-Type": ["application/json"], **{name: [value] for name, value in said.headers.items()}}
    if dated:
        moment = BEGAN + timedelta(seconds=said.at + said.took)
        headers["Date"] = [format_datetime(moment, usegmt=True)]
    string: Any = text_of(said.told)
    if said.encoding:
        headers["Content-Encoding"] = [said.encoding]
        string = ENCODERS[said.encoding](string.encode())
    return {
        "request": {
            "body": text_of(said.asked),
            "headers": {"Content-Type": ["application/json"]},
            "method": "POST",
            "uri": said.base + said.path,
        },
        "response": {
            "body": {"string": string},
            "headers": headers,
            "status": {"code": said.status, "message": "OK"},
        },
    }


def cassette(conversation: Sequence[Said], *, dated: bool = True, **more: Any) -> dict[str, Any]:
    return {"interactions": [interaction(said, dated=dated) for said in conversation], "version": 1, **more}


def har_entry(said: Said) -> dict[str, Any]:
    body = text_of(said.told).encode()
    content: dict[str, Any] = {"size": len(body), "mimeType": "application/json"}
    if said.encoding:  # bodies that are not plain text are written in base64
        content |= {"text": base64.b64encode(body).decode(), "encoding": "base64"}
    else:
        content["text"] = body.decode()
    return {
        "startedDateTime": (BEGAN + timedelta(seconds=said.at)).isoformat(timespec="milliseconds"),
        "time": said.took * 1000,
        "request": {
            "method": "POST",
            "url": said.base + said.path,
            "httpVersion": "HTTP/2",
            "headers": [{"name": ":authority", "value": "api"}, {"name": "Content-Type", "value": "application/json"}],
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": len(text_of(said.asked)),
            "postData": {"mimeType": "application/json", "text": text_of(said.asked)},
        },
        "response": {
            "status": 0 if said.told is None else said.status,
            "statusText": "",
            "httpVersion": "HTTP/2",
            "headers": [{"name": name, "value": value} for name, value in said.headers.items()],
            "cookies": [],
            "content": {"size": 0, "mimeType": "x-unknown"} if said.told is None else content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 1, "receive": 0},
    }


def har(conversation: Sequence[Said]) -> dict[str, Any]:
    creator = {"name": "a test", "version": "1"}
    return {"log": {"version": "1.2", "creator": creator, "entries": [har_entry(said) for said in conversation]}}


def write(path: Path, document: Any) -> Path:
    """Write a document in the format that the file's ending names."""
    name = path.name.removesuffix(".gz")
    text = yaml.dump(document) if name.endswith((".yaml", ".yml")) else json.dumps(document)
    data = text.encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path
