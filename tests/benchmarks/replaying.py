"""Replaying: requests per second of a recording of 10,000 interactions against one of 10.

Both are asked by turns, in blocks of as many requests; the small one is rewound whenever it is used up. Over HTTP the
time of server and client counts too, on both sides alike: that is what a user of `pollproof serve --cassette` sees. The
look-up alone, in this process, tells less than it seems to: ten requests that come again and again are remembered as
they were read, which most of ten thousand are not. Loading is the processor time of one interaction in memory: it shows
that the whole is linear, and not how long a file takes to be parsed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from pollproof.contract.model import Contract
from pollproof.http.client import HttpTarget
from pollproof.loading import load_contract
from pollproof.recordings.entry import Recorded
from pollproof.reference.server import serve_handler
from pollproof.replay import Replay
from pollproof.trace.exchange import Exchange, Request, Response
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.plan import Plan

SERVED = Ratio("answers/s over HTTP from 10,000 recorded interactions: share of those from 10", at_least(0.8))
ALONE = Ratio("the look-up alone, from 10,000 recorded interactions: share of the speed from 10")
LOADING = Ratio("loading an interaction of 10,000: multiple of loading one of 1,000", at_most(1.5))
RATIOS = (SERVED, ALONE, LOADING)

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


Ask = Callable[[Request], object]


class Asked:
    """A recording that is asked in its own order, over and over."""

    def __init__(self, contract: Contract, interactions: int) -> None:
        entries = list(recording(interactions))
        started = time.process_time()
        self.replay = Replay(contract, entries)
        self.loading = (time.process_time() - started) / interactions
        self.requests = [entry.exchange.request for entry in entries]
        self._next = 0

    def seconds(self, ask: Ask) -> float:
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


def compare(ratio: Ratio, small: tuple[Asked, Ask], large: tuple[Asked, Ask], blocks: int) -> Sample:
    """Requests per second of the large one in shares of the small one's, asked by turns in so many blocks."""
    short = long = 0.0
    for _ in range(blocks):
        short += small[0].seconds(small[1]) / blocks
        long += large[0].seconds(large[1]) / blocks
    return ratio.of(short / long, short_per_s=1 / short, long_per_s=1 / long)


def measure(plan: Plan) -> Iterator[Sample]:
    """The look-up alone, then over HTTP, then loading, in each round."""
    contract = load_contract("capsolver")
    blocks = plan.size(LARGE // BLOCK, 4)
    for _ in plan.rounds():
        small, middle, large = (Asked(contract, size) for size in (SMALL, LARGE // 10, LARGE))
        yield compare(ALONE, (small, small.replay.handle), (large, large.replay.handle), blocks)
        with (
            serve_handler(small.replay.handle) as first,
            serve_handler(large.replay.handle) as second,
            closing(HttpTarget(first)) as short,
            closing(HttpTarget(second)) as long,
        ):
            yield compare(SERVED, (small, short.exchange), (large, long.exchange), blocks)
        assert small.replay.misses == large.replay.misses == 0
        yield LOADING.of(
            large.loading / middle.loading, of_1000_us=middle.loading * 1e6, of_10000_us=large.loading * 1e6
        )
