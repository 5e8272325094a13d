"""The start of pytest with the plugin against its start without it, and of the command against an empty one of click.

An empty project with one test that does nothing is run, and only collected, in a process of its own each time: with
everything that is installed here, once as it is and once with `-p no:pollproof`. The median of several starts of each,
by turns, makes one sample. It shows what the plugin costs everyone who has pollproof installed and tests something
else. It does not show what pollproof's dependencies bring (Hypothesis, pytest-xdist and pytest-httpserver have plugins
of their own): their cost is in both sides of the first two ratios, and the last one tells it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from tests.benchmarks.figures import Ratio, Sample, at_most
from tests.benchmarks.plan import Plan
from tests.servers import ROOT, clean_environment

RUN = Ratio("pytest, one empty test: multiple of the time without the plugin", at_most(1.25))
COLLECT = Ratio("pytest --collect-only, one empty test: multiple of the time without the plugin", at_most(1.25))
ALL = Ratio("pytest, one empty test: multiple of the time without the plugin and those of its dependencies")
HELP = Ratio("pollproof --help: multiple of an empty click program's", at_most(1.5))
VERIFY = Ratio("pollproof verify, the walks of one reference provider: seconds", at_most(1.0))
CHECK = Ratio("pollproof check, a cassette of 36 exchanges: seconds", at_most(0.3))
RATIOS = (RUN, COLLECT, ALL, HELP, VERIFY, CHECK)

EMPTY = "import click\n\n\n@click.group()\ndef cli():\n    pass\n\n\ncli()\n"
"""An empty program of click."""

CASSETTE = "cassettes/capsolver/reference.yaml"

STARTS, QUICK_STARTS = 3, 1
"""Starts of each side in one sample."""

WITHOUT = ["-p", "no:pollproof"]
WITHOUT_ANY = [*WITHOUT, "-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:xdist.looponfail"]
WITHOUT_ANY += ["-p", "no:pytest_httpserver"]


def measure(plan: Plan) -> Iterator[Sample]:
    """With and without by turns."""
    if not any(entry.name == "pollproof" for entry in entry_points(group="pytest11")):
        yield from (ratio.without("pollproof is not installed in this Python (pip install -e .)") for ratio in RATIOS)
        return
    starts = plan.size(STARTS, QUICK_STARTS)
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        (project / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        for options in ([], WITHOUT, WITHOUT_ANY, ["--collect-only"]):
            start(project, options)  # compiles what is not yet compiled
        for _ in plan.rounds():
            yield compare(RUN, project, starts, [], WITHOUT)
            yield compare(COLLECT, project, starts, ["--collect-only"], ["--collect-only", *WITHOUT])
            yield compare(ALL, project, starts, [], WITHOUT_ANY)
            yield from commands(project, starts)


def commands(project: Path, starts: int) -> Iterator[Sample]:
    """The command where people feel its start: help, the walks of a reference provider, a small cassette."""
    (project / "empty.py").write_text(EMPTY, encoding="utf-8")
    own, empty = ["-m", "pollproof"], [str(project / "empty.py")]

    def seconds(words: Sequence[str]) -> float:
        return statistics.median(timed([sys.executable, *words], project) for _ in range(starts))

    own_s, empty_s = seconds([*own, "--help"]), seconds([*empty, "--help"])
    yield HELP.of(own_s / empty_s, own_s=own_s, empty_s=empty_s)
    yield VERIFY.of(seconds([*own, "verify", "capsolver", "--examples", "0"]))
    yield CHECK.of(seconds([*own, "check", "capsolver", str(ROOT / CASSETTE)]))


def compare(ratio: Ratio, project: Path, starts: int, with_it: Sequence[str], without: Sequence[str]) -> Sample:
    """Medians of both sides."""
    pairs = [(start(project, with_it), start(project, without)) for _ in range(starts)]
    with_s, without_s = (statistics.median(side) for side in zip(*pairs, strict=True))
    return ratio.of(with_s / without_s, with_s=with_s, without_s=without_s)


def start(project: Path, options: Sequence[str]) -> float:
    """Seconds of a whole run of pytest."""
    return timed([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options], project)


def timed(command: Sequence[str], folder: Path) -> float:
    """Seconds that a command takes."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=clean_environment(), check=True, capture_output=True)
    return time.perf_counter() - started
