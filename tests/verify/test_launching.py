"""`--launch`: servers that know nothing of us, under a clock that only the explorer moves."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pollproof.http.client import HttpTarget
from pollproof.trace.exchange import Request
from pollproof.verify import run
from pollproof.verify.exploration import Exploration
from pollproof.verify.launch.command_line import Running, launch, launch_of
from pollproof.verify.launch.server import LaunchError, free_port, launched
from pollproof.verify.options import OptionError, plan_from
from pollproof.verify.plan import command
from pollproof.verify.run import explore
from pollproof.verify.walks import WALKS, Walk
from pollproof.virtualtime import unavailable
from tests.compilers import build_go
from tests.lanes import only

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ROOT / "tests" / "launched"
PYTHON = shlex.quote(sys.executable)
LONGEST = 60
"""Real seconds after which a process that should end counts as stuck."""

RUNTIMES = {
    "threads": ([sys.executable], "threads.py"),
    "children": ([sys.executable], "children.py"),
    "asgi": ([sys.executable], "asgi.py"),
    "node": (["node"], "server.mjs"),
    "perl": (["perl", "-MJSON::PP"], "server.pl"),
}

leaping = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")


def starting(name: str, *faults: str) -> str:
    """The command that starts a server of tests/launched."""
    program, file = RUNTIMES[name]
    if shutil.which(program[0]) is None or subprocess.run([*program, os.devnull], check=False).returncode:
        pytest.skip(f"{' '.join(program)} is not installed")
    return shlex.join([*program, str(SERVERS / file), "{port}", *faults])


def explored(provider: str, text: str, **options: object) -> Exploration:
    return explore(plan_from(provider, launch=text, examples=0, **options))  # type: ignore[arg-type]


def walks(*names: str) -> list[Walk]:
    """The walks of those names: where something else is tested, they show what all of them would."""
    found = [walk for walk in WALKS if walk.name in names]
    assert len(found) == len(names)
    return found


def violated(exploring: Exploration) -> set[str]:
    return {entry.clause.id for entry in exploring.ledger.violated()}


@leaping
@pytest.mark.parametrize("runtime", only(["asgi", "node", "perl"], ["node"]))  # with threads: the days below
def test_a_lawful_server_passes_with_lifetimes_that_nobody_waited_for(runtime: str) -> None:
    exploring = explored("capsolver", starting(runtime))
    assert (exploring.error, exploring.clock) == (None, "leaping, launched")
    assert violated(exploring) == set()
    assert {entry.clause.id for entry in exploring.ledger.unexercised()} == {"capsolver.poll.error-is-final"}


@leaping
@pytest.mark.parametrize(
    "runtime", only([each for each in RUNTIMES if each != "children"], ["perl"])
)  # with Node: a lawful server above
def test_faults_of_lifetime_limit_and_end_are_found_in_each_runtime(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "WALKS", walks("to-the-last-poll", "to-the-end-of-life", "read-many-times"))
    exploring = explored("capsolver", starting(runtime, "lifetime", "polls", "flip"))
    assert exploring.error is None
    assert violated(exploring) == {
        "capsolver.poll.lifetime-ended",
        "capsolver.poll.budget-ended",
        "capsolver.poll.terminal",
    }


@leaping
@pytest.mark.parametrize("walk", only(["called-back", "to-the-end-of-life"], ["called-back"]))
def test_days_callbacks_and_another_base_path_are_followed_too(walk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WALKS", walks("one-after-another", walk))
    service = f"{PYTHON} {shlex.quote(str(ROOT / 'tests' / 'independent'))} decodo --port {{port}} --for 300000000"
    exploring = explored("decodo", service)
    assert exploring.error is None
    assert violated(exploring) == set()
    unexercised = {entry.clause.id for entry in exploring.ledger.unexercised()}
    assert ("decodo.callback.sent" in unexercised) is (walk != "called-back")
    assert ("decodo.results.lifetime" in unexercised) is (walk == "called-back")


# ------------------------------------------------------------------------------------------------ the clock


@contextlib.contextmanager
def running(text: str, base_url: str | None = None) -> Iterator[Running]:
    with launch(launch_of(text, base_url, "", "YOUR_API_KEY")) as found:
        yield found


def said(base_url: str) -> bytes:
    with contextlib.closing(HttpTarget(base_url)) as target:
        response = target.exchange(Request("GET", "/", {}, b"")).response
    assert response is not None
    return response.body


@leaping
def test_timers_that_follow_on_one_another_fire_each_at_its_own_time() -> None:
    program = """
        import http.server, sys, threading, time
        moments = [time.time()]
        def fire():
            moments.append(time.time())
            if len(moments) < 4:
                threading.Timer(100, fire).start()
        threading.Timer(100, fire).start()
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(repr([round(each - moments[0], 1) for each in moments]).encode())
            def log_message(self, *_):
                pass
        http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
    text = shlex.join([sys.executable, "-c", textwrap.dedent(program), "{port}"])
    with running(text) as found:
        assert found.clock is not None
        found.clock.advance(350)
        late = [moment % 100 for moment in json.loads(said(found.server.base_url))]
        assert len(late) == 4
        assert max(late) < 30  # in one move they would fire after 350 seconds, and then never in time
        assert found.clock.notes == []


@leaping
def test_a_server_that_wakes_without_end_is_moved_by_days_in_strides_and_that_is_told() -> None:
    with running(f"{PYTHON} {shlex.quote(str(SERVERS / 'ticking.py'))} {{port}}") as found:
        assert found.clock is not None
        found.clock.advance(10)
        assert said(found.server.base_url) == b"1"
        found.clock.advance(3_600)
        assert said(found.server.base_url) == b"2"
        before = found.clock.now()
        found.clock.advance(100_000)
        assert 100_000 <= found.clock.now() - before < 100_060
        assert said(found.server.base_url) == b"3"
        (note,) = found.clock.notes
    assert "strides" in note


@leaping
def test_work_of_child_processes_is_waited_for_and_takes_no_time_of_the_clock() -> None:
    """Five pieces of work, one each 100 s: the first takes a processor for longer than the clock's first patience."""
    program = r"""
        import http.server, subprocess, sys, threading, time
        done = []
        begun = time.time()
        def work(number):
            seconds = 1.5 if number == 0 else 0.5
            burn = f"import time\nwhile time.process_time() < {seconds}: pass"
            subprocess.run([sys.executable, "-c", burn])
            done.append(round(time.time() - begun - 100 * (number + 1), 1))
        for number in range(5):
            threading.Timer(100 * (number + 1), work, [number]).start()
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(repr(done).encode())
            def log_message(self, *_):
                pass
        http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
    with running(shlex.join([sys.executable, "-c", textwrap.dedent(program), "{port}"])) as found:
        assert found.clock is not None
        found.clock.advance(600)
        late = json.loads(said(found.server.base_url))
        assert len(late) == 5
        assert max(late) < 40  # the clock runs on in real time, of which a busy machine takes some
        assert found.clock.notes == []


@leaping
def test_work_that_never_ends_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollproof.verify.launch.work.LONGEST_WORK", 400_000_000)
    spin = (
        "import sys, threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()"
    )
    program = (
        f"{spin}\nimport http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]))"
    )
    with running(shlex.join([sys.executable, "-c", program, "{port}"])) as found:
        assert found.clock is not None
        begun = time.monotonic()
        found.clock.advance(86_400)
        assert time.monotonic() - begun < LONGEST
        (note,) = found.clock.notes
    assert "strides" in note


@leaping
def test_a_lawful_server_whose_child_processes_work_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WALKS", walks("one-after-another", "to-the-last-poll"))
    exploring = explored("capsolver", starting("children"))
    assert (exploring.error, exploring.clock) == (None, "leaping, launched")
    assert violated(exploring) == set()


@leaping
def test_the_clock_of_a_launched_server_never_leaps_by_itself() -> None:
    with running(f"{PYTHON} {shlex.quote(str(SERVERS / 'ticking.py'))} {{port}}") as found:
        assert found.clock is not None
        before = found.clock._leap.leaps.count
        for _ in range(20):
            said(found.server.base_url)
        assert found.clock._leap.leaps.count == before


@leaping
def test_a_server_without_the_library_is_supervised() -> None:
    text = f"env -i PATH={shlex.quote(os.environ['PATH'])} {starting('threads')}"
    with running(text) as found:
        assert found.clock is not None
        before = found.clock.now()
        found.clock.advance(86_400)
        assert 86_400 <= found.clock.now() - before < 86_430


def _loaded(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


@leaping
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_the_timers_of_a_static_server_of_go_follow(tmp_path: Path) -> None:
    program = build_go(SERVERS / "server.go", tmp_path)
    with running(f"{shlex.quote(str(program))} {{port}}") as found:
        assert found.clock is not None, found.reason
        for _ in range(3):
            created = _loaded(f"{found.server.base_url}/add")["id"]
            place = f"{found.server.base_url}/has?id={created}"
            found.clock.advance(86_399)
            assert _loaded(place) is True
            found.clock.advance(2)
            assert _loaded(place) is False


@leaping
def test_a_server_without_the_library_is_judged_in_real_time_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = "The clock cannot supervise: it is forbidden."
    monkeypatch.setattr("pollproof.verify.launch.command_line.supervision_unavailable", lambda: refusal)
    text = f"env -i PATH={shlex.quote(os.environ['PATH'])} {starting('threads')}"
    exploring = explored("capsolver", text, budget="0.1s")
    assert exploring.clock.startswith("real, 0.1 s granted, for the launched server does not follow the clock: ")
    assert "has not loaded the library" in exploring.clock
    assert refusal in exploring.clock
    assert violated(exploring) == set()
    assert "capsolver.poll.lifetime-ended" in {entry.clause.id for entry in exploring.ledger.unexercised()}


@leaping
def test_a_server_whose_date_header_stands_still_does_not_follow() -> None:
    program = """
        import http.server, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def date_time_string(self, timestamp=None):
                return "Thu, 01 Jan 2026 00:00:00 GMT"
            def log_message(self, *_):
                pass
        http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
    with running(shlex.join([sys.executable, "-c", textwrap.dedent(program), "{port}"])) as found:
        assert found.clock is None
        assert "of which its Date header shows 0" in found.reason


# ----------------------------------------------------------------------------------------- what goes wrong


def test_a_command_that_ends_before_it_listens_is_shown_with_its_last_words() -> None:
    exploring = explored("capsolver", "sh -c 'echo the database is gone; exit 7' {port}")
    assert exploring.error is not None
    assert "the command ended with status 7" in exploring.error
    assert exploring.error.endswith("the database is gone")
    assert not exploring.complete


def test_a_command_that_is_none_is_said() -> None:
    assert explored("capsolver", "no-such-program {port}").error == (
        "the command could not be started: no-such-program: No such file or directory"
    )


def test_a_command_that_never_listens_is_given_up_and_ended() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    waiting = launched(["sleep", "1000"], url, os.environ, ready=0.2)
    with (
        pytest.raises(LaunchError, match=r"did nothing for the last 0.2 s: the command still runs and printed"),
        waiting,
    ):
        pass


def test_a_command_that_works_before_it_listens_is_waited_for() -> None:
    port = free_port("127.0.0.1")
    work = "import time\nwhile time.process_time() < 2.5: pass\n"
    serve = f"from http.server import *\nHTTPServer(('127.0.0.1', {port}), BaseHTTPRequestHandler).serve_forever()"
    with launched([sys.executable, "-c", work + serve], f"http://127.0.0.1:{port}", os.environ, ready=1.6) as server:
        assert server.address == ("127.0.0.1", port)


def test_a_port_that_is_in_use_is_not_taken_for_the_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        exploring = explored("capsolver", "sleep 1000", base_url=f"http://127.0.0.1:{port}")
    assert exploring.error == f"another program listens on 127.0.0.1:{port} already"


@leaping
def test_a_server_that_ends_meanwhile_is_shown_with_its_last_words() -> None:
    program = """
        import http.server, os, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                print("out of memory", flush=True)
                os._exit(9)
            def log_message(self, *_):
                pass
        http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
    exploring = explored("capsolver", shlex.join([sys.executable, "-c", textwrap.dedent(program), "{port}"]))
    assert exploring.error is not None
    assert exploring.error.endswith("; the command ended with status 9; its output ends with: out of memory")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"launch": "node server.js"}, "has no {port}"),
        ({"launch": ""}, "--launch is empty"),
        ({"launch": "node 'server.js {port}"}, "no closing quotation"),
        ({"launch": "x {port}", "base_url": "http://example.com:{port}"}, "not on this machine"),
        ({"launch": "x {port}", "base_url": "ftp://127.0.0.1:{port}"}, "is not a base URL"),
        ({"launch": "x {port}", "advance_url": "http://127.0.0.1:1/advance"}, "exclude each other"),
    ],
)
def test_what_cannot_be_launched_is_refused_in_one_sentence(options: dict[str, str], words: str) -> None:
    with pytest.raises(OptionError) as refusal:
        plan_from("capsolver", **options)  # type: ignore[arg-type]
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_command_to_see_a_finding_again_launches_again_and_holds_no_key() -> None:
    plan = plan_from("decodo", launch="env KEY=s3cret node server.js {port}", api_key="s3cret")
    again = command(plan, "decodo")
    assert "--launch 'env KEY={key} node server.js {port}'" in again
    assert "s3cret" not in again + plan.target
    assert "--base-url" not in again
    assert plan.launch is not None
    assert plan.launch.at(80) == (["env", "KEY=s3cret", "node", "server.js", "80"], "http://127.0.0.1:80/v3")


# ------------------------------------------------------------------------------------------ nothing is left


@pytest.mark.parametrize("more", [[], ["-n", "2"]])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_temporary_folder_survives_a_run_that_is_killed(
    number: signal.Signals, more: list[str], tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "pollproof", "verify", "capsolver", "--profile", "deep", *more]
    with subprocess.Popen(
        words, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        assert until(lambda: any(tmp_path.iterdir()))
        process.send_signal(number)
        assert process.wait(LONGEST) == -number
    assert until(lambda: not any(tmp_path.iterdir()))


def until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; whether it came."""
    end = time.monotonic() + LONGEST
    while not (comes := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return comes


@pytest.mark.parametrize("emptied", ["", "env -i "])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_of_the_command_survives_however_pollproof_ends(
    number: signal.Signals, emptied: str, tmp_path: Path
) -> None:
    """The command writes to a pipe when it runs, and so does a child that it leaves in a session of its own.

    A child with an emptied environment too is known as a descendant alone.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = f"{emptied}setsid sh -c 'echo $$ > {pipe}; exec sleep 1000'"
    text = shlex.join(["sh", "-c", f"{child} & echo $$ > {pipe}; exec sleep 1000", "{port}"])
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-m", "pollproof", "verify", "capsolver", "--examples", "0", "--launch", text]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        with open(pipe) as told:
            first = told.read().split()
        with contextlib.ExitStack() as stack:
            if len(first) < 2:
                first += stack.enter_context(open(pipe)).read().split()
            descriptors = [os.pidfd_open(int(each)) for each in first]
            os.kill(process.pid, number)
            status = process.wait(LONGEST)
        for descriptor in descriptors:
            readable, _, _ = select.select([descriptor], [], [], LONGEST)
            assert readable, "a process of the command is still there"
            os.close(descriptor)
    assert len(descriptors) == 2
    assert status == (3 if number is signal.SIGINT else -number)
