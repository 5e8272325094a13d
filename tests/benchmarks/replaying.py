"""Replaying: requests per second of a recording of 10,000 interactions against one of 10.

Both are asked by turns, in blocks of as many requests; the small one is rewound whenever it is used up. Over HTTP the
time of server and client counts too, on both sides alike: that is what a user of `pollproof serve --cassette` sees. The
look-up alone, in this process, is the stricter ratio. Loading is the cost of one interaction in memory: it shows that
the whole is linear, and not how long a file takes to be parsed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.recordings.entry import Recorded
from pollproof.recordings.replaying import Replay
from pollproof.reference.server import serve_handler
from pollproof.trace import Exchange, Request, Response
from pollproof.transport.http import HttpTarget
from tests.benchmarks.figures import Figure, Goal, medians

POLLS = 4
"""Polls of each task; a creation comes before them."""

SMALL, LARGE = 10, 10_000
"""Interactions of the recordings."""

BLOCK = 500
"""Requests that are asked of one recording before it is the other one's turn."""

HEADERS = {"content-type": "application/json"}


def recording(interactions: int) -> Iterator[Recorded]:
    """A recording of so many interactions: tasks that are created one after the other and polled by turns."""
    tasks = interactions // (POLLS + 1)
    for place in range(interactions):
        number, task = divmod(place, tasks)
        identifier = f"00000000-0000-4000-8000-{task:012d}"
        if number == 0:
            path, asked = "/createTask", {"task": {"type": "AnyTask", "websiteURL": f"https://example.com/{task}"}}
            told: dict[str, object] = {"errorId": 0, "taskId": identifier}
        else:
            path, asked = "/getTaskResult", {"taskId": identifier}  # type: ignore[dict-item]
            done = {"solution": {"text": "x" * 400}} if number == POLLS else {}
            told = {"errorId": 0, "status": "ready" if done else "processing", **done}
        body = json.dumps({"clientKey": "YOUR_API_KEY", **asked}).encode()
        request = Request("POST", path, HEADERS, body)
        answer = Response(200, HEADERS, json.dumps(told).encode())
        yield Recorded("made by hand", place + 1, Exchange(request, answer, float(place), float(place)))


class Asked:
    """A recording that is asked in its own order, over and over."""

    def __init__(self, contract: Contract, interactions: int) -> None:
        entries = list(recording(interactions))
        started = time.perf_counter()
        self.replay = Replay(contract, entries)
        self.loading = (time.perf_counter() - started) / interactions
        self.requests = [entry.exchange.request for entry in entries]
        self._next = 0

    def seconds(self, ask: Callable[[Request], object]) -> float:
        """Seconds that one request took in a block of them."""
        spent = 0.0
        for _ in range(BLOCK // SMALL):
            if self._next >= len(self.requests):
                self.replay.rewind()
                self._next = 0
            chosen = self.requests[self._next : self._next + SMALL]
            started = time.perf_counter()
            for request in chosen:
                ask(request)
            spent += time.perf_counter() - started
            self._next += SMALL
        return spent / BLOCK


def rates(small: Asked, large: Asked, of: Callable[[Asked], Callable[[Request], object]]) -> dict[str, float]:
    """Requests per second of both, asked by turns until the large one is used up."""
    spent = {"small": 0.0, "large": 0.0}
    blocks = LARGE // BLOCK
    for _ in range(blocks):
        spent["small"] += small.seconds(of(small)) / blocks
        spent["large"] += large.seconds(of(large)) / blocks
    return {f"{SMALL} per s": 1 / spent["small"], f"{LARGE} per s": 1 / spent["large"]}


def measure(repeat: int, say: Callable[[str], None]) -> list[Figure]:
    """The figures of this group."""
    contract = load_contract("capsolver")
    alone, served, loading = [], [], []
    for number in range(repeat):
        small, large = Asked(contract, SMALL), Asked(contract, LARGE)
        middle = Asked(contract, LARGE // 10)
        loading.append({f"{LARGE // 10} us": middle.loading * 1e6, f"{LARGE} us": large.loading * 1e6})
        alone.append(rates(small, large, lambda asked: asked.replay.handle))
        with serve_handler(small.replay.handle) as first, serve_handler(large.replay.handle) as second:
            targets = {id(small): HttpTarget(first), id(large): HttpTarget(second)}
            served.append(rates(small, large, lambda asked, found=targets: found[id(asked)].exchange))  # type: ignore[misc]
            for target in targets.values():
                target.close()
        assert small.replay.misses == large.replay.misses == 0
        say(f"replaying, {number + 1} of {repeat}")
    return [
        Figure("serve --cassette: speed at 10,000 against 10, HTTP", _ratios(served), Goal(0.8), medians(served)),
        Figure("look-up alone: speed at 10,000 against 10", _ratios(alone), Goal(0.8), medians(alone)),
        Figure(
            "loading: cost of an interaction at 10,000 against 1,000",
            _ratios(loading),
            Goal(1.5, at_least=False),
            medians(loading),
        ),
    ]


def _ratios(samples: list[dict[str, float]]) -> list[float]:
    """The second part of each sample in shares of the first."""
    return [second / first for first, second in (sample.values() for sample in samples)]
