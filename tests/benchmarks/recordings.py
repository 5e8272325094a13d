"""Judging recordings: YAML against its parser, HAR against vcrpy's replay, many exchanges against few.

It shows what `check` costs, reading included, on CapSolver's traffic: tasks that are created, polled and solved, twenty
at a time. Seconds are of the processor, so that waiting for a disk is not counted. Replaying means that http.client,
the cheapest client that vcrpy stands in for, asks for recorded responses in order; loading does not count, and since
vcrpy's look-up is quadratic, a longer recording would flatter us more. Peaks of memory are those of a process of its
own; a third of many is enough for all that is kept on purpose, some thousand tasks, to be kept. The environment sets
how many exchanges are many (RECORDINGS_EXCHANGES).
"""

from __future__ import annotations

import http.client
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import vcr
import yaml

from pollproof.check.judging import Checking, check
from pollproof.loading import load_contract
from pollproof.recordings.files import find_recordings
from tests.benchmarks.figures import Ratio, Sample, at_least, at_most
from tests.benchmarks.plan import Plan
from tests.fuzzing.measured import measured
from tests.fuzzing.traffic import stream, write_archive, write_cassette, write_har

LAWFUL = Ratio("judging a conforming YAML cassette: multiple of the time that PyYAML takes to parse it", at_most(1.25))
FAULTY = Ratio("judging a YAML cassette of which a tenth breaks a rule: the same multiple", at_most(1.25))
REPLAY = Ratio("judging a HAR file: how many times faster than vcrpy replays the same", at_least(50))
LONG = Ratio("an exchange of a long HAR file: multiple of one of a short file", at_most(1.1))
LONG_MEMORY = Ratio("peak memory of a long HAR file: multiple of that of one a third as long", at_most(1.1))
ARCHIVE = Ratio("an exchange of an archive of many files: multiple of one of an archive of few", at_most(1.1))
ARCHIVE_MEMORY = Ratio("peak memory of an archive: multiple of that of one a third as large", at_most(1.1))
UNSORTED = Ratio("an exchange of a file in no order: multiple of one of the same file in order")
UNSORTED_MEMORY = Ratio("peak memory of a file in no order: multiple of that of one a third as long", at_most(1.1))
RATIOS = (LAWFUL, FAULTY, REPLAY, LONG, LONG_MEMORY, ARCHIVE, ARCHIVE_MEMORY, UNSORTED, UNSORTED_MEMORY)

MANY, QUICK_MANY = 60_000, 6_000
FEW = 1_000
THIRD = 3
REPLAYED, QUICK_REPLAYED = 1_000, 100
EACH = 50
"""Exchanges of one file of an archive."""

LONGEST = 2
"""Repeats of what takes a quarter of a minute, at most."""

AROUND = 5
"""Measurements of what is short before what is long, and as many after it."""

CONTRACT = load_contract("capsolver")


def measure(plan: Plan) -> Iterator[Sample]:
    """One ratio after the other, since each has files of its own."""
    many = int(os.environ.get("RECORDINGS_EXCHANGES") or plan.size(MANY, QUICK_MANY))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from against_parser(folder, plan, LAWFUL, 0.0)
        yield from against_parser(folder, plan, FAULTY, 0.1)
        yield from against_replay(folder, plan)
        yield from many_against_few(folder, plan, many)
        yield from archive_against_few(folder, plan, many)
        yield from unsorted_against_sorted(folder, plan, many)


def seconds(act: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    started = time.process_time()
    act()
    return time.process_time() - started


def judged(*paths: Path) -> Checking:
    """The judgement of recordings, which must all be read."""
    found = check(CONTRACT, paths, named=frozenset(paths))
    assert not found.detail.unread, found.detail.unread
    return found


# ------------------------------------------------------------------------------- YAML and its parser


def against_parser(folder: Path, plan: Plan, ratio: Ratio, faults: float) -> Iterator[Sample]:
    """Judging a YAML cassette as a multiple of what PyYAML's C loader takes for it."""
    path = write_cassette(folder / "t.yaml", islice(stream(faults=faults), 2 * FEW))
    found = judged(path)
    assert found.detail.tally.matched == 2 * FEW
    assert bool(found.ledger.violations) == bool(faults)

    def parse() -> None:
        with path.open("rb") as file:
            yaml.load(file, Loader=yaml.CSafeLoader)

    for _ in plan.rounds("YAML"):
        check_s, parse_s = seconds(lambda: judged(path)), seconds(parse)
        parts = {"exchanges": 2 * FEW, "violations": found.ledger.violations}
        yield ratio.of(check_s / parse_s, check_s=check_s, parse_s=parse_s, **parts)


# --------------------------------------------------------------------------------- HAR and a replay


def against_replay(folder: Path, plan: Plan) -> Iterator[Sample]:
    """Judging a HAR file, and the speed at which vcrpy replays the same exchanges."""
    count = plan.size(REPLAYED, QUICK_REPLAYED)
    said = list(islice(stream(), count))
    path = write_har(folder / "t.har", said)
    cassette = write_cassette(folder / "t.yaml", said)
    requests = [(one.path, json.dumps(one.asked).encode()) for one in said]
    for _ in plan.rounds("replay by vcrpy", 1):
        check_s, replay_s = seconds(lambda: judged(path)), replay(cassette, requests)
        yield REPLAY.of(replay_s / check_s, check_s=check_s, replay_s=replay_s, exchanges=count)


def replay(cassette: Path, requests: Sequence[tuple[str, bytes]]) -> float:
    """Processor seconds in which vcrpy answers the requests of its cassette, one after the other."""
    headers = {"Content-Type": "application/json"}
    with vcr.use_cassette(str(cassette), record_mode="none") as tape:
        started = time.process_time()
        for path, body in requests:
            connection = http.client.HTTPSConnection("api.capsolver.com")
            connection.request("POST", path, body, headers)
            connection.getresponse().read()
        found = time.process_time() - started
        assert tape.play_count == len(requests)
    return found


# ----------------------------------------------------------------------------------- many exchanges


def each(path: Path, count: int) -> float:
    """Processor seconds of one exchange of a recording or of an archive of so many."""
    paths = [Path(str(found)) for found in find_recordings([str(path)])]
    return seconds(lambda: judged(*paths)) / count


def against_few(ratio: Ratio, plan: Plan, many: tuple[Path, int], few: tuple[Path, int]) -> Iterator[Sample]:
    """Seconds of one exchange of what is long over those of what is short, which is measured before and after it."""
    for _ in plan.rounds("many against few exchanges", LONGEST):
        before = [each(*few) for _ in range(AROUND)]
        cost = each(*many)
        after = [each(*few) for _ in range(AROUND)]
        least = sum(before + after) / (2 * AROUND)
        yield ratio.of(cost / least, of_many_us=cost * 1e6, of_few_us=least * 1e6, many=many[1], few=few[1])


def memory(ratio: Ratio, plan: Plan, first: Path, second: Path) -> Iterator[Sample]:
    """Peak memory of judging the first over that of judging the second."""
    plan.say("memory")
    peaks = [measured("capsolver", [path], 3600)[path.name].peak for path in (first, second)]
    yield ratio.of(peaks[0] / peaks[1], MiB=peaks[0], of_the_other=peaks[1])


def many_against_few(folder: Path, plan: Plan, many: int) -> Iterator[Sample]:
    """One file of many exchanges, in order of time: seconds of one exchange and memory."""
    third = many // THIRD
    paths = {count: write_har(folder / f"{count}.har", islice(stream(), count)) for count in (many, third, FEW)}
    yield from against_few(LONG, plan, (paths[many], many), (paths[FEW], FEW))
    yield from memory(LONG_MEMORY, plan, paths[many], paths[third])


def archive_against_few(folder: Path, plan: Plan, many: int) -> Iterator[Sample]:
    """The same in many files in folders."""
    third = many // THIRD
    paths = {}
    for count in (many, third, FEW):
        paths[count] = write_archive(folder / f"archive-{count}", count // EACH, EACH)
    yield from against_few(ARCHIVE, plan, (paths[many], many), (paths[FEW], FEW))
    yield from memory(ARCHIVE_MEMORY, plan, paths[many], paths[third])


def unsorted_against_sorted(folder: Path, plan: Plan, count: int) -> Iterator[Sample]:
    """A file whose entries are in no order."""
    said, fewer = list(islice(stream(), count)), list(islice(stream(), count // THIRD))
    straight = write_har(folder / "sorted.har", said)
    random.Random(0).shuffle(said)
    random.Random(0).shuffle(fewer)
    mixed, smaller = write_har(folder / "unsorted.har", said), write_har(folder / "smaller.har", fewer)
    for _ in plan.rounds("entries in no order", LONGEST):
        unsorted, ordered = each(mixed, count), each(straight, count)
        yield UNSORTED.of(unsorted / ordered, in_no_order_us=unsorted * 1e6, in_order_us=ordered * 1e6)
    yield from memory(UNSORTED_MEMORY, plan, mixed, smaller)
