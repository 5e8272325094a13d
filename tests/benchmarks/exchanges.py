"""Single exchanges: the seconds that one takes bare, and those that checking its shapes takes."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from pollproof.contract.model import Contract
from pollproof.trace.bodies import read_json
from pollproof.trace.exchange import Exchange, Request
from pollproof.trace.shapes import Shape


def seconds_bare(base_url: str, requests: Sequence[Request]) -> tuple[float, float]:
    """Plain http.client on one connection, which reads each response and throws it away.

    Seconds per exchange, and seconds of this process's own processor time in it.
    """
    parts = urlsplit(base_url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.connect()
    try:
        started, processor = time.perf_counter(), time.process_time()
        for request in requests:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            connection.getresponse().read()
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        return seconds / len(requests), processor / len(requests)
    finally:
        connection.close()


def seconds_of_checks(contract: Contract, trace: Sequence[Exchange]) -> float:
    """Seconds per exchange of checking request and answer against their schemas; reading the JSON is not counted."""
    shapes = {name: Shape(schema) for name, schema in contract.schemas.items()}
    operations = {operation.path: operation for operation in contract.operations.values()}
    work: list[tuple[Callable[[Any], object], Any]] = []
    for exchange in trace:
        if exchange.response is not None:
            operation = operations[exchange.request.path]
            bodies = (operation.request_schema, exchange.request), (operation.response_schema, exchange.response)
            work += [(shapes[name].check, read_json(message.body)) for name, message in bodies if name is not None]
    for check, body in work:
        check(body)  # what is prepared at the first use is no part of a later one
    started = time.perf_counter()
    for check, body in work:
        check(body)
    return (time.perf_counter() - started) / max(sum(exchange.response is not None for exchange in trace), 1)
