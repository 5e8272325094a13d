"""Single exchanges: the seconds that one takes bare, and those that checking its shapes takes."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from pollproof.bodies import read_json
from pollproof.contract.model import Contract
from pollproof.shapes import Shape
from pollproof.trace import Exchange, Request


def seconds_bare(base_url: str, requests: Sequence[Request]) -> float:
    """Seconds per exchange of plain http.client on one connection, which reads the answer and throws it away."""
    parts = urlsplit(base_url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.connect()
    try:
        started = time.perf_counter()
        for request in requests:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            connection.getresponse().read()
        return (time.perf_counter() - started) / len(requests)
    finally:
        connection.close()


def seconds_of_checks(contract: Contract, trace: Sequence[Exchange]) -> float:
    """Seconds per exchange of checking request and answer against their schemas; reading the JSON is not counted."""
    shapes = {name: Shape(schema) for name, schema in contract.schemas.items()}
    operations = {operation.path: operation for operation in contract.operations.values()}
    work = []
    for exchange in trace:
        if exchange.response is not None:
            operation = operations[exchange.request.path]
            work.append((shapes[operation.request_schema].check, read_json(exchange.request.body)))
            work.append((shapes[operation.response_schema].check, read_json(exchange.response.body)))
    for check, body in work:
        check(body)  # what is prepared at the first use is no part of a later one
    started = time.perf_counter()
    for check, body in work:
        check(body)
    return 2 * (time.perf_counter() - started) / len(work)
