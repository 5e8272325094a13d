"""Judging recordings: YAML against its parser, HAR against vcrpy's replay, many exchanges against a thousand.

It shows what `check` costs, reading included, on CapSolver's traffic: tasks that are created, polled and solved, twenty
at a time. Seconds are of the processor, so that waiting for a disk is not counted. Replaying means that http.client,
the cheapest client that vcrpy stands in for, asks for every recorded answer in order; loading is not counted.
The environment sets how many exchanges are many (RECORDINGS_EXCHANGES, 200,000 by itself).
"""

from __future__ import annotations

import http.client
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import vcr
import yaml

from pollproof.loading import load_contract
from pollproof.recordings.files import find
from pollproof.recordings.judging import Checking, check
from tests.benchmarks.figures import Figure, Goal, medians
from tests.fuzzing.measured import measured
from tests.fuzzing.traffic import stream, write_archive, write_cassette, write_har

MANY = int(os.environ.get("RECORDINGS_EXCHANGES", "200000"))
FEW = 1_000
SOME = 10_000
UNSORTED = 100_000
EACH = 50
"""Exchanges of one file of an archive."""

REPLAYS = 3
"""Repeats of vcrpy's replay at most: each takes a quarter of a minute."""

CONTRACT = load_contract("capsolver")
Say = Callable[[str], None]


def seconds(act: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    started = time.process_time()
    act()
    return time.process_time() - started


def judged(*paths: Path) -> Checking:
    """The judgement of recordings, which must all be read."""
    found = check(CONTRACT, paths, named=frozenset(paths))
    assert not found.unread, found.unread
    return found


def measure(repeat: int, say: Say) -> list[Figure]:
    """The figures of this group."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [against_parser(folder, repeat, say, faults) for faults in (0.0, 0.1)]
        figures.append(against_replay(folder, min(repeat, REPLAYS), say))
        figures += many_against_few(folder, repeat, say)
        figures += archive_against_few(folder, repeat, say)
        figures += unsorted_against_sorted(folder, repeat, say)
    return figures


# ------------------------------------------------------------------------------- YAML and its parser


def against_parser(folder: Path, repeat: int, say: Say, faults: float) -> Figure:
    """Judging a YAML cassette as a share of what PyYAML's C loader takes for it."""
    path = write_cassette(folder / "t.yaml", islice(stream(faults=faults), 2 * FEW))
    found = judged(path)
    assert found.tally.matched == 2 * FEW
    assert bool(found.ledger.violations) == bool(faults)

    def parse() -> None:
        with path.open("rb") as file:
            yaml.load(file, Loader=yaml.CSafeLoader)

    samples = []
    for number in range(repeat):
        samples.append({"check s": seconds(lambda: judged(path)), "parse s": seconds(parse)})
        say(f"recordings, YAML, {number + 1} of {repeat}")
    what = f"{found.ledger.violations} violations" if faults else "lawful"
    ratios = [sample["check s"] / sample["parse s"] for sample in samples]
    return Figure(f"YAML, {2 * FEW:,} interactions, {what}: check / parse", ratios, Goal(1.25, False), medians(samples))


# --------------------------------------------------------------------------------- HAR and a replay


def against_replay(folder: Path, repeat: int, say: Say) -> Figure:
    """Judging a HAR file as a multiple of the speed at which vcrpy replays the same exchanges."""
    said = list(islice(stream(), FEW))
    path = write_har(folder / "t.har", said)
    cassette = write_cassette(folder / "t.yaml", said)
    requests = [(one.path, json.dumps(one.asked).encode()) for one in said]
    samples = []
    for number in range(repeat):
        samples.append({"check s": seconds(lambda: judged(path)), "replay s": replay(cassette, requests)})
        say(f"recordings, replay, {number + 1} of {repeat}")
    ratios = [sample["replay s"] / sample["check s"] for sample in samples]
    return Figure(f"HAR, {FEW:,} exchanges: vcrpy's replay / check", ratios, Goal(50), medians(samples))


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
    paths = find([str(path)])
    return seconds(lambda: judged(*paths)) / count


def _against_few(name: str, many: Path, few: Path, counts: tuple[int, int], repeat: int, say: Say) -> Figure:
    samples = []
    rounds = 5
    for number in range(max(1, min(repeat, FEW * 1000 // counts[0]))):
        before = [each(few, counts[1]) for _ in range(rounds)]
        cost = each(many, counts[0])
        after = [each(few, counts[1]) for _ in range(rounds)]
        samples.append({"many us": cost * 1e6, "few us": sum(before + after) / (2 * rounds) * 1e6})
        say(f"recordings, {name}, {number + 1}")
    ratios = [sample["many us"] / sample["few us"] for sample in samples]
    words = f"{name}, an exchange of {counts[0]:,} / of {counts[1]:,}"
    return Figure(words, ratios, Goal(1.1, False), medians(samples))


def _memory(name: str, many: Path, some: Path) -> Figure:
    peaks = [measured("capsolver", [path], 3600)[path.name].peak for path in (many, some)]
    return Figure(
        f"{name}: peak memory", [peaks[0] / peaks[1]], Goal(1.1, False), {"MiB": peaks[0], "of few": peaks[1]}
    )


def many_against_few(folder: Path, repeat: int, say: Say) -> list[Figure]:
    """One file of many exchanges, in order of time: seconds of one exchange and memory."""
    paths = {count: write_har(folder / f"{count}.har", islice(stream(), count)) for count in (MANY, SOME, FEW)}
    cost = _against_few("HAR", paths[MANY], paths[FEW], (MANY, FEW), repeat, say)
    memory = _memory(f"HAR, {MANY:,} / {SOME:,}", paths[MANY], paths[SOME])
    paths[MANY].unlink()
    return [cost, memory]


def archive_against_few(folder: Path, repeat: int, say: Say) -> list[Figure]:
    """The same in many files in folders."""
    paths = {}
    for count in (MANY, SOME, FEW):
        paths[count] = write_archive(folder / f"archive-{count}", count // EACH, EACH)
    cost = _against_few("archive", paths[MANY], paths[FEW], (MANY, FEW), repeat, say)
    return [cost, _memory(f"archive, {MANY // EACH:,} / {SOME // EACH:,} files", paths[MANY], paths[SOME])]


def unsorted_against_sorted(folder: Path, repeat: int, say: Say) -> list[Figure]:
    """A file whose entries are in no order."""
    said = list(islice(stream(), UNSORTED))
    straight = write_har(folder / "sorted.har", said)
    random.Random(0).shuffle(said)
    mixed = write_har(folder / "unsorted.har", said)
    samples = []
    for number in range(min(repeat, 3)):
        samples.append({"unsorted us": each(mixed, UNSORTED) * 1e6, "sorted us": each(straight, UNSORTED) * 1e6})
        say(f"recordings, unsorted, {number + 1}")
    ratios = [sample["unsorted us"] / sample["sorted us"] for sample in samples]
    cost = Figure(f"HAR, {UNSORTED:,} exchanges: unsorted / sorted", ratios, None, medians(samples))
    return [cost, _memory(f"HAR, {UNSORTED:,} unsorted / sorted", mixed, straight)]
