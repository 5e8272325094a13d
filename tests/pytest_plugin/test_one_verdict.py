"""One client, three faces: `pollproof gate`, the fixture and the decorator reach the same verdict."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from pollproof.virtualtime import unavailable
from tests.lanes import only
from tests.pytest_plugin.test_gate_fixture import CACHE, SOLVER
from tests.servers import clean_environment, run_command

pytest_plugins = ["pytester"]

SCENARIOS = ("smoke", "never-ready", "lost")

CLIENTS = {
    "conforming": "return solve(base_url, api_key, task)",
    "hasty": "return solve(base_url, api_key, task, pause=1, polls=400)",
    "keeps silent": "try:\n        return solve(base_url, api_key, task)\n    except Exception:\n        return {}",
    "invents": "solve(base_url, api_key, task)\n    return {'gRecaptchaResponse': 'invented'}",
    "crashes": "raise RuntimeError('no such module')",
}
"""The bodies of clients, by what they do. (None is giving up for a function, not for a command.)"""

SETTINGS = "import os; base_url = os.environ['POLLPROOF_BASE_URL']; api_key = os.environ['POLLPROOF_API_KEY']"

VIOLATED = re.compile(r"^(?:E +)?(\S+) MUST violated", re.MULTILINE)


def verdict_of(text: str) -> tuple[str, ...]:
    """The violated MUST clauses that an output names, in order."""
    return tuple(sorted(set(VIOLATED.findall(text))))


@pytest.mark.skipif(unavailable() is not None, reason="no virtual clock here")
@pytest.mark.parametrize("name", only(CLIENTS, ["keeps silent"]))
def test_three_faces_reach_one_verdict(name: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    body = CLIENTS[name]
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    pytester.makepyfile(
        solver=SOLVER,
        command=f"""
from solver import solve
import json
{SETTINGS}
task = json.loads(os.environ["POLLPROOF_TASK"])

def main():
    {body}

print(json.dumps(main()))
""",
        test_fixture=f"""
import sys

def test_it(pollproof_gate):
    pollproof_gate("capsolver", [sys.executable, "command.py"], scenarios={list(SCENARIOS)})
""",
        test_decorator=f"""
from pollproof.gate import client
from solver import solve

@client("capsolver", scenarios={list(SCENARIOS)})
def test_it(base_url, api_key, task):
    {body}
""",
    )
    chosen = [word for name in SCENARIOS for word in ("--scenario", name)]
    words = ["gate", "capsolver", *chosen, "--json", "gate.json", "--", sys.executable, "command.py"]
    gate = run_command(words, clean_environment(XDG_CACHE_HOME=CACHE), pytester.path, 300)
    assert json.loads(Path(pytester.path, "gate.json").read_text(encoding="utf-8"))["mode"] == "gate"
    said = {"gate": (gate.returncode != 0, verdict_of(gate.stdout))}
    for face in ("fixture", "decorator"):
        done = pytester.runpytest_subprocess("-p", "pollproof.pytest_plugin.plugin", f"test_{face}.py")
        said[face] = (done.ret != 0, verdict_of(done.stdout.str()))
    assert len(set(said.values())) == 1, said
