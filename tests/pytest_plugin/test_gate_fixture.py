"""Python clients in somebody else's tests: the decorator `client`, and the fixture `pollproof_gate`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pollproof.virtualtime import unavailable
from tests.lanes import only

pytest_plugins = ["pytester"]

CLIENTS = Path(__file__).parents[1] / "clients" / "python"

SOLVER = """
import json, time, urllib.error, urllib.request

class GaveUp(Exception):
    pass

def solve(base_url, api_key, task, pause=3, polls=90):
    def ask(method, **body):
        data = json.dumps({"clientKey": api_key, **body}).encode()
        request = urllib.request.Request(f"{base_url}/{method}", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise GaveUp(error.read().decode()) from None
    made = ask("createTask", task=task)
    for _ in range(polls):
        time.sleep(pause)
        answer = ask("getTaskResult", taskId=made["taskId"])
        if answer["errorId"]:
            raise GaveUp(answer["errorCode"])
        if answer["status"] == "ready":
            return answer["solution"]
    raise GaveUp("never ready")
"""

LAWFUL = {
    "requests": """
import time
import requests
from pollproof.gate import client

@client("capsolver", scenarios=["never-ready"])
def test_requests(base_url, api_key, task):
    with requests.Session() as session:
        def ask(method, **body):
            return session.post(f"{base_url}/{method}", json={"clientKey": api_key, **body}, timeout=30).json()
        made = ask("createTask", task=task)
        for _ in range(90):
            time.sleep(3)
            answer = ask("getTaskResult", taskId=made["taskId"])
            assert answer["errorId"] == 0, answer
            if answer["status"] == "ready":
                return answer["solution"]["gRecaptchaResponse"]
    raise TimeoutError
""",
    "httpx": """
import httpx
from pollproof.gate import client
from asking import solve

@client("capsolver", scenarios=["never-ready"])
async def test_httpx(base_url, api_key, task):
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as session:
        async def ask(method, **body):
            return (await session.post(method, json={"clientKey": api_key, **body})).json()
        return await solve(ask, task)
""",
    "aiohttp": """
import aiohttp
from pollproof.gate import client
from asking import solve

@client("capsolver", scenarios=["never-ready"])
async def test_aiohttp(base_url, api_key, task):
    async with aiohttp.ClientSession() as session:
        async def ask(method, **body):
            async with session.post(f"{base_url}/{method}", json={"clientKey": api_key, **body}) as response:
                return await response.json()
        return await solve(ask, task)
""",
}
"""Clients by the library that they ask with, each in a file of its own: every process of a client imports its file."""

ASKING = """
import asyncio

async def solve(ask, task):
    made = await ask("createTask", task=task)
    for _ in range(90):
        await asyncio.sleep(3)
        answer = await ask("getTaskResult", taskId=made["taskId"])
        assert answer["errorId"] == 0, answer
        if answer["status"] == "ready":
            return answer
    raise TimeoutError
"""

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
"""Where the leaping library lies compiled: a run in a home of its own would compile it once more."""


def run(pytester: pytest.Pytester, *arguments: str, workers: int = 0) -> pytest.RunResult:
    """Run pytest in a process of its own, where every warning is an error."""
    spread = ["-p", "xdist", "-n", str(workers)] if workers else []
    return pytester.runpytest_subprocess("-W", "error", "-p", "pollproof.pytest_plugin.plugin", *spread, *arguments)


@pytest.fixture(autouse=True)
def _no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)


@pytest.fixture
def solver(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(solver=SOLVER)


@pytest.mark.parametrize("libraries", only(["requests httpx", " ".join(LAWFUL)], ["requests httpx"]))
def test_lawful_clients_pass_on_two_workers(libraries: str, pytester: pytest.Pytester) -> None:
    chosen = libraries.split()
    pytester.makepyfile(asking=ASKING, **{f"test_with_{library}": LAWFUL[library] for library in chosen})
    done = run(pytester, "-v", workers=2)
    done.assert_outcomes(passed=2 * len(chosen))
    done.stdout.fnmatch_lines_random(["*test_httpx[[]never-ready[]]*", "*test_requests[[]smoke[]]*"])


FAULTY = """
from pollproof.gate import client
from solver import solve

@client("capsolver", scenarios="lost or never-ready")
def test_hasty(base_url, api_key, task):
    print("starting")
    return solve(base_url, api_key, task, pause=1.5)

def test_other():
    pass
"""


@pytest.mark.usefixtures("solver")
def test_a_fault_is_convicted_by_its_clause_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_faulty=FAULTY)
    done = run(pytester, "-k", "lost or other")
    done.assert_outcomes(passed=1, failed=1, deselected=2)
    text = done.stdout.str()
    assert text.count(" MUST violated") == text.count("capsolver.client.wait MUST violated") > 0
    for line in (
        "  rule      After a response that finds the task unfinished a client waits 3 seconds before it polls again.",
        "  expected  at least 3 s between two polls",
        "  reproduce pytest 'test_faulty.py::test_hasty[lost]'",
        "lost: At the second poll the task is lost.",
        "test_hasty: it gave up, with 3 requests in",
        "starting",
        "solver.GaveUp: ",
    ):
        assert line in text
    assert "pollproof" not in text.partition("Traceback")[2].partition("short test summary")[0]
    again = run(pytester, "--lf", "-x")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*test_hasty[[]lost[]]*"])


BROKEN = """
import json, os, subprocess, sys, unittest
from pollproof.gate import client
from solver import solve

@client("capsolver", scenarios=["smoke"])
def test_hot(base_url, api_key, task):
    return solve(base_url, api_key, task, pause=0)

@client("capsolver", scenarios=["lost", "expired"])
def test_idle(base_url, api_key, task):
    pass

@client("capsolver", scenarios=["smoke"])
def test_forgets(base_url, api_key, task):
    solve(base_url, api_key, task)

@client("capsolver", scenarios=["smoke"])
def test_prints(base_url, api_key, task):
    text = json.dumps(solve(base_url, api_key, task))
    print(text)
    subprocess.run(["echo", text], check=True)
    os.write(1, text.encode())
    return "printed"

@client("capsolver", scenarios=["smoke"])
def test_object(base_url, api_key, task):
    return {"solution": object()}

@client("capsolver", scenarios=["smoke"])
def test_ends(base_url, api_key, task):
    sys.exit(0)

@client("capsolver", scenarios=["smoke"])
def test_interrupts():
    raise KeyboardInterrupt

class TestCase(unittest.TestCase):
    @client("capsolver", scenarios=["smoke"])
    def test_unit(self, base_url):
        pass
"""


CRASHING = """
import sys
from pollproof.gate import client

if "_pytest" not in sys.modules:
    raise RuntimeError("no pytest here")

@client("capsolver", scenarios=["smoke"])
def test_crashing():
    pass
"""


@pytest.mark.usefixtures("solver")
def test_no_working_client_is_told_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_broken=BROKEN, test_crashing=CRASHING)
    done = run(pytester, "-rs")
    done.assert_outcomes(failed=9, skipped=2)
    text = done.stdout.str()
    for words in (
        "test_hot: it gave up, with 91 requests",
        "capsolver.client.wait MUST violated 89 of ",
        "test_idle never contacted the base URL (POLLPROOF_BASE_URL); it ended with exit status 1",
        "test_forgets does not solve an ordinary task; it ended with exit status 1",
        "test_forgets returned None, which is taken as giving up: return the solution, or raise an error",
        "capsolver.client.solution MUST violated",
        "test_prints: it returned, with 3 requests",
        "test_object cannot be judged: test_object returned what is neither text nor a value like those of JSON",
        "test_ends ended its process, which is taken as giving up",
        "KeyboardInterrupt",
        "RuntimeError: no pytest here",
        "test_crashing cannot be judged: test_crashing of ",
        "TestCase.test_unit is a client: pytest lets it meet the scenarios, which it cannot do in classes of unittest",
        "test_idle does not pass its smoke check",
    ):
        assert words in text
    first = run(pytester, "-k", "idle and not smoke")
    first.assert_outcomes(failed=1, skipped=1, deselected=9)


MISTAKES = {
    "argument": ('@client("capsolver")\ndef test_it(base_ur): pass', "takes 'base_ur'; did you mean 'base_url'? A"),
    "fixture": ('@client("capsolver")\ndef test_it(tmp_path): pass', "fixtures do not reach it"),
    "provider": ('@client("capsolvr")\ndef test_it(task): pass', "did you mean 'capsolver'?"),
    "scenario": ('@client("cnode", scenarios=["never-redy"])\ndef test_it(): pass', "did you mean 'never-ready'?"),
    "expression": ('@client("cnode", scenarios="lost and")\ndef test_it(): pass', "'lost and' is not an expression"),
    "none": ('@client("cnode", scenarios="xyz")\ndef test_it(): pass', "no scenario matches 'xyz'"),
    "task": ('@client("cnode", task=[])\ndef test_it(): pass', "the task is a dict, not []"),
    "object": (
        '@client("cnode", task={"a": object()})\ndef test_it(): pass',
        "the task holds what JSON does not have (Object of type object is not JSON serializable)",
    ),
    "inline": (
        '@client("capsolver", task={"type": "ImageToTextTask"})\ndef test_it(): pass',
        "the task is answered in its creation, so there is nothing to poll for",
    ),
    "clock": (
        '@client("cnode", clock="fast")\ndef test_it(): pass',
        "unknown clock 'fast'; expected one of auto, leap, preload, supervise, real",
    ),
    "bare": ("@client\ndef test_it(): pass", 'client needs the provider: @client("PROVIDER")'),
    "order": (
        "import functools\n\ndef other(function):\n    return functools.wraps(function)(lambda **named: None)\n\n"
        '@other\n@client("cnode")\ndef test_it(): pass',
        "test_it: the decorator client stands above all others that are not marks",
    ),
}


def test_mistakes_are_told_at_collection(pytester: pytest.Pytester) -> None:
    for name, (source, _) in MISTAKES.items():
        pytester.makepyfile(**{f"test_{name}": f"from pollproof.gate import client\n\n{source}\n"})
    done = run(pytester, "--collect-only")
    done.assert_outcomes(errors=len(MISTAKES))
    for _, words in MISTAKES.values():
        assert words in done.stdout.str()


PACKAGED = """
import pytest
from pollproof.gate import client
from . import solver

class TestClient:
    polls = 90

    @client("capsolver", scenarios=["smoke"])
    @pytest.mark.parametrize("pause", [3, 5])
    def test_paused(self, base_url, api_key, task, pause):
        return solver.solve(base_url, api_key, task, pause, self.polls)

    class TestInner:
        @pytest.mark.parametrize("polls", [90])
        @client("capsolver", scenarios=["smoke"], task={"type": "own", "n": 1})
        async def test_inner(self, base_url, api_key, scenario, task, polls, more=1):
            assert (scenario, task) == ("smoke", {"type": "own", "n": 1})
            return solver.solve(base_url, api_key, task, 3, polls)
"""


@pytest.mark.parametrize("mode", only(["prepend", "importlib"], ["importlib"]))
def test_classes_parameters_and_packages(pytester: pytest.Pytester, mode: str) -> None:
    folder = pytester.mkpydir("package")
    (folder / "solver.py").write_text(SOLVER)
    (folder / "test_packaged.py").write_text(PACKAGED)
    done = run(pytester, f"--import-mode={mode}", "-v")
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines_random(
        ["*TestClient::test_paused[[]smoke-5[]]*", "*TestInner::test_inner[[]smoke-90[]]*"]
    )


TIMES = """
import asyncio, datetime, threading, time
from pollproof.gate import client
from solver import solve

def clocks():
    return [time.monotonic(), time.time(), time.perf_counter(), datetime.datetime.now().timestamp()]

@client("capsolver", clock="leap", scenarios=["smoke"])
def test_clocks(base_url, api_key, task):
    before = clocks()
    time.sleep(100)
    threading.Event().wait(100)
    asyncio.run(asyncio.sleep(100))
    passed = [after - first for first, after in zip(before, clocks())]
    assert all(300 <= each < 310 for each in passed), passed
    return solve(base_url, api_key, task)
"""


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
@pytest.mark.usefixtures("solver")
def test_all_clocks_move_together(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TIMES)
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.usefixtures("solver")
def test_real_time_has_a_budget(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from pollproof.gate.scenarios import builder\nbuilder.USUAL_SOLVING = 0.0")  # is waited for
    pytester.makepyfile(
        """
        from pollproof.gate import client
        from solver import solve

        @client("capsolver", clock="real", budget=8, scenarios=["never-ready"])
        def test_client(base_url, api_key, task):
            return solve(base_url, api_key, task, pause=0.1)
        """
    )
    done = run(pytester, "-rs")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["*does not meet never-ready: 300 s of real waiting do not fit into the budget of 8 s*"])


COMMANDS = f"""
import sys
COMMAND = [sys.executable, {str(CLIENTS / "captcha.py")!r}, "capsolver"]

def test_lawful(pollproof_gate):
    report = pollproof_gate("capsolver", COMMAND, scenarios=["lost"])
    assert [each["name"] for each in report["scenarios"]] == ["lost"]

def test_faulty(pollproof_gate):
    pollproof_gate("capsolver", [*COMMAND, "--fault", "half-wait"], scenarios=["lost"])

def test_absent(pollproof_gate):
    pollproof_gate("capsolver", ["no-such-command"])

def test_own_task(pollproof_gate):
    pollproof_gate("capsolver", COMMAND, scenarios=["smoke"], task={{"type": "ImageToTextTask"}})

def test_more(pollproof_gate):
    pollproof_gate("capsolver", COMMAND, scenarios=["lost"], require_all=True)
"""


def test_commands_are_judged_in_a_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(COMMANDS)
    done = run(pytester)
    done.assert_outcomes(passed=1, failed=4)
    text = done.stdout.str()
    assert text.count(" MUST violated") == text.count("capsolver.client.wait MUST violated") == 1
    assert "--scenario lost -- " in text
    assert "the command could not be started: no-such-command" in text
    assert "no scenario exercised " in text
    assert "the task is answered in its creation, so there is nothing to poll for" in text


LOADED = (
    "import sys; print(*sorted(each for each in sys.modules if each.startswith(('pollproof', '_pytest', 'asyncio'))))"
)


def test_the_decorator_loads_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import pollproof.gate; {LOADED}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "pollproof",
        "pollproof.gate",
        "pollproof.gate.decorator",
        "pollproof.version",
    ]


def test_the_plugin_loads_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"def test_loaded():\n    {LOADED}\n")
    done = run(pytester, "-s")
    done.assert_outcomes(passed=1)
    (line,) = [line for line in done.outlines if "_pytest.main" in line]
    assert [each for each in line.split() if each.startswith("pollproof")] == [
        "pollproof",
        "pollproof.pytest_plugin",
        "pollproof.pytest_plugin.plugin",
        "pollproof.pytest_plugin.presence",
        "pollproof.version",
    ]
