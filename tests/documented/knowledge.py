"""How each documented command is run. To document a new one: add to PLACEHOLDERS what stands in for a reader's own
things, to STATUS what a command ends with where that is not 0, and to PROGRAMS a program that was not used before.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

from click.testing import CliRunner

import pollproof.verify.run
from pollproof.cli.main import cli
from pollproof.loading import load_contract
from tests.documented.blocks import Command
from tests.documented.guide import add_clause, rename_in_schemas, rename_status
from tests.documented.workshop import KEY, Workshop
from tests.servers import ROOT, clean_environment

PYTHON = shlex.quote(sys.executable)
SERVER = f"{PYTHON} {shlex.quote(str(ROOT / 'tests' / 'launched' / 'threads.py'))} {{port}}"

PLACEHOLDERS = {
    "node server.js {port}": SERVER,
    "python -m uvicorn my_app:app --port {port}": SERVER,
    "http://127.0.0.1:{port}/v2": "http://127.0.0.1:{port}",
    "--base-url URL --api-key KEY": f"--base-url http://127.0.0.1:8080 --api-key {KEY}",
    "verify -n auto": "verify capsolver -n auto",
    "verify --shard 2/8": "verify capsolver --examples 0 --shard 1/1",
    "verify --profile deep --shard 2/8": "verify capsolver --examples 0 --shard 1/1",
    "verify --profile deep --shard ${{ matrix.shard }}/4": "verify capsolver --examples 0 --shard 1/1",
    "${{ matrix.shard }}": "1",
    "https://api.capsolver.com": "http://127.0.0.1:8080",
    "YOUR_KEY": KEY,
    "YOUR_TOKEN": KEY,
    "--out tape.yaml": "--out recorded.yaml",
    "$GITHUB_STEP_SUMMARY": "summary.md",
}
"""What a reader would put in, and what is put in here."""

STATUS: dict[str, int] = {
    r"verify capsolver --base-url \S+ --advance-url \S+ --json report.json$": 1,  # a guide has started a mutant there
    r"verify ./my-api.toml --base-url": 1,  # the guide has started a mutant there
    r"--launch .* --require-all": 3,  # the small server that stands in has no error that passes
}
"""Exit statuses of commands that do not end with 0, by a pattern of the command."""

ELSEWHERE: dict[str, str] = {
    r"(python3|python) -m venv |(\S*/)?pip install ": "setting up is what .ci/run does on every change",
    r"\.venv/bin/pytest -n 2$": "this is the test command itself",
    r".*(s3://|tcp://)": "buckets and clusters are servers of their own; tests/check/test_archives.py has small ones",
    r"((FUZZ_INPUTS|(RECORDINGS|SOAK)_EXCHANGES)=\d+ )?python -m tests\.benchmarks": (
        "tests/packaging/test_benchmarks.py"
    ),
    r"(eval )?.*_POLLPROOF_COMPLETE": "tests/cli/test_completion.py",
    r"pollproof replay ": "tests/cli/test_replaying.py",
    r"pollproof verify .* --watch$": "tests/cli/test_watching.py",
    r"pollproof leap -- pytest ": "tests/virtualtime/test_leap_command.py",
    r".*redis://": "Redis is a server of its own; tests/verify/test_example_databases.py starts one",
    r"npm install |.*tests/mocks/node_modules": "foreign mocks are installed and judged by tests/verify/test_mocks.py",
}
"""Commands that are run, though not here; with the reason."""


class UnknownCommand(AssertionError):
    """A documented command that nothing here knows how to run."""


def run(command: Command, workshop: Workshop) -> None:
    """Run one command as its document has it; raises `UnknownCommand`, or fails where it does not end as it should."""
    if any(re.match(pattern, command.text) for pattern in ELSEWHERE):
        return
    background = command.text.endswith("&")
    words = shlex.split(put_in(command.text.removesuffix("&").strip(), workshop))
    program = os.path.basename(words[0])
    if program not in PROGRAMS:
        raise UnknownCommand(f"{command.place}: nobody knows how to run '{command.text}'; tell {__name__}")
    text = shlex.join(words)
    done = _LAUNCHED if "--launch" in words else workshop.done
    if text in done and program != "export":
        return
    status = PROGRAMS[program](words, workshop, background)
    expected = next((number for pattern, number in STATUS.items() if re.search(pattern, command.text)), 0)
    assert status == expected, f"{command.place}: '{command.text}' ended with {status}, expected {expected}"
    done.add(text)


_LAUNCHED: set[str] = set()
"""Commands that launch a server of their own: what one document shows needs no second start for another."""


def put_in(text: str, workshop: Workshop) -> str:
    """The command with what stands in for a reader's own things."""
    for old, new in PLACEHOLDERS.items():
        text = text.replace(old, new)

    def url(match: re.Match[str]) -> str:
        served = workshop.served(match["port"])
        return served.advance_url if match["path"] and "advance" in match["path"] else served.base_url

    return re.sub(r"http://127\.0\.0\.1:(?P<port>\d+)(?P<path>(?:/[\w/]*)?)", url, text)


# ------------------------------------------------------------------------------------------ programs


def _pollproof(words: list[str], workshop: Workshop, background: bool) -> int:
    """Run in this process, with as little work as shows that the options do what is said."""
    own, mark, theirs = words[1:], "", []
    if "--" in own:
        cut = own.index("--")
        own, mark, theirs = own[:cut], "--", own[cut + 1 :]
    out = ""
    if ">" in own:
        own, out = own[: own.index(">")], own[own.index(">") + 1]
    name = own[0]
    if theirs and shutil.which(theirs[0]) is None and theirs[0] != "x":
        return 0  # a runtime that is not installed here
    theirs = [sys.executable if word == "python" else word for word in theirs]
    if name == "serve":
        if background:
            _serve(own, workshop)
        own = [*_without(_without(own, "--for"), "--port"), "--for", "10ms"]
    if "my-api.poll.progress" in own and not workshop.guided:  # the guide has changed the contract meanwhile
        rename_status(workshop.home)
        rename_in_schemas(workshop.home)
        add_clause(workshop.home)
        workshop.guided = True
    if "--live" in own:  # a small provider stands in, whose clock is moved
        own += ["--advance-url", own[own.index("--base-url") + 1] + "/_clock/advance"]
    elif name == "verify" and "--examples" not in own:
        own += ["--examples", "0"]
    if name == "verify" and "--base-url" in own and "--advance-url" not in own and "--launch" not in own:
        own = [*_without(_without(own, "--budget"), "--max-wait"), "--max-wait", "10ms"]  # nothing here waits
    if name == "verify":  # most of the work is left out here
        own += [word for cause in ("clock", "time", "unexercised") for word in ("--allow-unexercised", cause)]
    if name == "mutants" and "-k" not in own:
        own += ["-k", "client.final"]
    if name == "gate" and "real" in own:
        own += ["--list"]  # nothing here waits in real time
    elif name == "gate" and not {"--scenario", "-k", "--list", "--cassette"}.intersection(own):
        own += ["--scenario", "smoke"]
    if name == "record":
        own += ["--overwrite"]
    if name in ("report", "merge"):
        own = _reports(own, workshop)
    if name == "export" and "--out" in own:
        (workshop.home / own[own.index("--out") + 1]).parent.mkdir(exist_ok=True)
    walks = pollproof.verify.run.WALKS
    if "-k" not in own and "--base-url" not in own:
        pollproof.verify.run.WALKS = walks[:1]  # what the options do shows in the first as in all
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        result = CliRunner().invoke(cli, [*own, *([mark, *theirs] if mark else [])], env=dict(workshop.environment))
    finally:
        pollproof.verify.run.WALKS = walks
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    print(result.output[-2000:])
    if out:
        (workshop.home / out).write_text(result.stdout, encoding="utf-8")
    return result.exit_code


def _reports(words: list[str], workshop: Workshop) -> list[str]:
    """The words with the reports that a pattern means; one that no command has written is a copy of one that is."""
    files: list[str] = []
    for before, word in itertools.pairwise(words):
        found = sorted(path.name for path in workshop.home.glob(word)) if "*" in word else [word]
        read = word.endswith(".json") and not before.startswith("-")
        if read and found == [word] and not (workshop.home / word).exists():
            shutil.copy(workshop.home / "report.json", workshop.home / word)
        files += found
    return [words[0], *files]


def _without(words: list[str], option: str) -> list[str]:
    """The words without an option and its value."""
    if option not in words:
        return words
    at = words.index(option)
    return [*words[:at], *words[at + 2 :]]


def _serve(words: list[str], workshop: Workshop) -> None:
    port = words[words.index("--port") + 1]
    mutant = words[words.index("--mutant") + 1] if "--mutant" in words else None
    workshop.served(port, load_contract(words[1]), mutant)


def _export(words: list[str], workshop: Workshop, background: bool) -> int:
    for word in words[1:]:
        name, _, value = word.partition("=")
        workshop.environment[name] = value
    return 0


def _python(words: list[str], workshop: Workshop, background: bool) -> int:
    environment = clean_environment(**workshop.environment, MY_LIBRARY_WAIT="0")
    return _process([sys.executable, *words[1:]], workshop, environment)


def _pytest(words: list[str], workshop: Workshop, background: bool) -> int:
    if any(word.startswith("test_") for word in words):  # a reader's own tests
        own = [*words[1:], "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--rootdir", "."]
        return _process([sys.executable, "-m", "pytest", *own], workshop, clean_environment())
    words = [str(ROOT / "contracts" / "test_clauses.py") if word == "contracts" else word for word in words[1:]]
    folder = ["--rootdir", str(ROOT / "contracts"), "-c", str(ROOT / "contracts" / "suite.ini")]
    more = ["-q", "-p", "no:cacheprovider", "--examples", "0", *folder]
    return _process([sys.executable, "-m", "pytest", *words, *more], workshop, clean_environment())


def _process(words: list[str], workshop: Workshop, environment: dict[str, str]) -> int:
    done = subprocess.run(
        words, cwd=workshop.home, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    print(done.stdout[-2000:], done.stderr[-2000:])
    return done.returncode


PROGRAMS: dict[str, Callable[[list[str], Workshop, bool], int]] = {
    "pollproof": _pollproof,
    "python": _python,
    "pytest": _pytest,
    "export": _export,
}
"""Who runs a program: given its words, the workshop, and whether it goes on in the background; its exit status."""
