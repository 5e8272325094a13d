"""Clients in Go and static C, conforming and faulty, are judged right under supervision, whatever way they wait.

`COMPILED_RUNS=20` judges each of them so many times.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pollproof.gate.run import Gate, Gating, judge
from pollproof.gate.scenarios import scenarios
from pollproof.loading import load_contract
from pollproof.virtualtime import supervision_unavailable, unavailable, why_not_preloaded
from tests.compilers import build_go, build_static_c
from tests.lanes import long, only

pytestmark = pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")

CAPSOLVER = load_contract("capsolver")
CLIENTS = Path(__file__).resolve().parent / "clients"
RUNS = int(os.environ.get("COMPILED_RUNS", "1"))
"""How often each client is judged."""

WAYS = {
    "go": "sleep after timer ticker context condition nanosleep select ppoll epoll deadline child threads",
    "c": "nanosleep absolute usleep poll ppoll select pselect epoll futex semaphore condition threads timerfd alarm "
    "timer signal child receive",
}
FAULTS = {
    "half-wait": ("never-ready", {"wait"}),
    "milliseconds": ("never-ready", {"wait"}),
    "every-second-too-short": ("never-ready", {"wait"}),
    "over-budget": ("never-ready", {"budget", "wait"}),
    "over-lifetime": ("never-ready", {"lifetime"}),
    "polls-after-final": ("ready-at-once", {"final"}),
    "another-id": ("never-ready", {"same-task-id"}),
    "keyless-poll": ("never-ready", {"poll-request"}),
    "untyped-task": ("never-ready", {"create-request"}),
    "wrong-solution": ("ready-at-once", {"solution"}),
    "no-solution": ("ready-at-once", {"solution"}),
    "failure-as-success": ("task-failed", {"failure"}),
    "giving-up-as-success": ("never-ready", {"failure"}),
    "polls-on-after-error": ("task-failed", {"final"}),
}
"""The faults of both programs: a scenario that gives each an occasion, and the clauses that it violates."""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {}


def program(language: str, programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    if language not in programs:
        folder = tmp_path_factory.mktemp(language)
        built = build_go if language == "go" else build_static_c
        programs[language] = built(CLIENTS / f"captcha.{language}", folder)
    return str(programs[language])


def judged(words: Sequence[str], *names: str, clock: str = "auto") -> Gating:
    known = scenarios(CAPSOLVER)
    chosen = tuple(each for each in known if each.name in names)
    gating = judge(Gate(CAPSOLVER, tuple(words), chosen, known[0], clock))
    assert gating.error is None
    assert gating.cuts == []
    assert gating.complete, gating.notes
    return gating


def violated(gating: Gating) -> set[str]:
    return {entry.clause.id.removeprefix("capsolver.client.") for entry in gating.ledger.violated()}


@pytest.mark.parametrize(
    ("language", "way"),
    only(
        [(language, way) for language, ways in WAYS.items() for way in ways.split()],
        [("go", "sleep"), ("go", "select"), ("c", "nanosleep"), ("c", "timerfd"), ("c", "futex")],
    ),
)
def test_a_conforming_client_is_acquitted(
    language: str, way: str, programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = [program(language, programs, tmp_path_factory), way]
    for _ in range(RUNS):
        gating = judged(words, "ready-after-one-poll", "never-ready")
        assert violated(gating) == set()
        assert gating.clock.startswith("leaping, by supervision (the command is ")
        assert gating.ledger["capsolver.client.wait"].exercised > 50
        (*_, never_ready) = gating.detail.played
        assert 280 < never_ready.virtual < 300


@pytest.mark.parametrize("fault", only(FAULTS, ["half-wait", "over-lifetime", "polls-after-final"]))
@pytest.mark.parametrize(("language", "way"), [("go", "sleep"), ("c", "nanosleep")])
def test_a_fault_is_convicted_by_its_clause_alone(
    language: str, way: str, fault: str, programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = [program(language, programs, tmp_path_factory), way, fault]
    scenario, clauses = FAULTS[fault]
    for _ in range(RUNS):
        assert violated(judged(words, scenario)) == clauses


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How the client in Java is started."""
    java, compiler = shutil.which("java"), shutil.which("javac")
    if java is None or compiler is None:
        pytest.skip("Java is not installed (apt-get install default-jdk-headless)")
    folder = tmp_path_factory.mktemp("java")
    light = [f"-J{option}" for option in LIGHT]
    subprocess.run([compiler, *light, "-d", str(folder), str(CLIENTS / "Captcha.java")], check=True, timeout=180)
    return [java, "-cp", str(folder), "Captcha"]


LIGHT = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
"""A virtual machine takes its time to start; with these it takes half as much. The long lane has it as it comes."""


@pytest.mark.parametrize(
    ("way", "options"),
    only([("schedule", LIGHT), *((way, ()) for way in ("sleep", "monitor", "park", "schedule"))], []),
    ids=lambda value: value if isinstance(value, str) else "light" if value else "as it comes",
)
def test_java_is_judged_right(way: str, options: tuple[str, ...], classes: list[str]) -> None:
    words = [classes[0], *options, *classes[1:], way]
    for _ in range(RUNS):
        conforming = judged(words, "never-ready", clock="supervise")
        assert violated(conforming) == set()
        assert conforming.ledger["capsolver.client.wait"].exercised > 50
        assert violated(judged([*words, "half-wait"], "ready-after-one-poll", clock="supervise")) == {"wait"}


def test_a_mixture_of_languages_is_followed_as_one(
    programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Python starts Go, which waits by a child in C: what loads the library is not what keeps the time."""
    go = program("go", programs, tmp_path_factory)
    wrapper = f"import subprocess, sys; sys.exit(subprocess.run([{go!r}, 'child']).returncode)"
    gating = judged([sys.executable, "-c", wrapper], "ready-after-one-poll", "never-ready")
    assert violated(gating) == set()
    assert gating.clock.startswith("leaping, by supervision (the command does not obey the clock by preload: it reads")
    fault = wrapper.replace("'child'", "'child', 'half-wait'")
    assert violated(judged([sys.executable, "-c", fault], "never-ready", clock="supervise")) == {"wait"}


@pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")
def test_a_program_that_keeps_its_own_time_is_not_judged_by_that_of_its_children(
    programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Go sends and reads clocks, and its children, which have loaded the library, wait."""
    words = (program("go", programs, tmp_path_factory), "child")
    known = scenarios(CAPSOLVER)
    gating = judge(Gate(CAPSOLVER, words, known[1:2], known[0], "preload"))
    assert gating.error is not None
    assert "has not loaded the library" in gating.error


def test_what_cannot_be_preloaded_is_seen_in_the_file(
    programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    assert why_not_preloaded(program("c", programs, tmp_path_factory)) == "is linked statically"
    assert why_not_preloaded(program("go", programs, tmp_path_factory)) == "is a program of Go"
    assert why_not_preloaded("sh") is None
    assert why_not_preloaded(str(tmp_path)) is None
    script = tmp_path / "script"
    script.write_bytes(b"\x7fELF")
    script.chmod(0o755)
    assert why_not_preloaded(str(script)) is None


@long
def test_a_program_for_musl_is_followed(tmp_path: Path) -> None:
    program = build_static_c(CLIENTS / "captcha.c", tmp_path, "musl-gcc")
    for way in ("nanosleep", "condition", "timerfd", "semaphore"):
        assert violated(judged([str(program), way], "never-ready", clock="supervise")) == set()
