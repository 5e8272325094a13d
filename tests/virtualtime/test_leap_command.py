"""`pollproof leap`: any program with its waits leapt over, the rights that it needs, and what ends with what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from pollproof.cli import leap as leap_command
from pollproof.virtualtime import library, supervision_unavailable

pytestmark = pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")

LONGEST = 30
"""Real seconds after which a command counts as stuck."""


def leap(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pollproof", "leap", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False, **more)  # type: ignore[call-overload,no-any-return]


def test_a_day_takes_a_moment_and_the_status_is_the_programs() -> None:
    started = time.monotonic()
    done = leap("--", "sh", "-c", "sleep 86400; exit 7")
    assert done.returncode == 7
    assert time.monotonic() - started < LONGEST
    assert done.stderr.startswith("pollproof: leapt over 86")


def test_a_program_that_a_signal_ends_is_told_as_a_shell_does() -> None:
    assert leap("-q", "--", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(("program", "status"), [("/nonexistent/program", 127), ("/etc/passwd", 126)])
def test_a_program_that_cannot_be_started_is_said(program: str, status: int) -> None:
    done = leap("-q", "--", program)
    assert done.returncode == status
    assert done.stderr.startswith("pollproof: cannot start the program: ")


def test_the_time_of_day_begins_where_it_is_asked_to() -> None:
    done = leap("--from", "2030-01-31T23:59:50", "-q", "--", "sh", "-c", "date +%d.%H:%M; sleep 20; date +%d.%H:%M")
    assert done.stdout.split() == ["31.23:59", "01.00:00"]
    assert leap("--from", "tomorrow", "--", "true").returncode == 2


def test_a_rate_divides_waits() -> None:
    program = "import time; begun = time.time(); time.sleep(30); print(time.time() - begun)"
    started = time.monotonic()
    done = leap("--rate", "100", "-q", "--", sys.executable, "-c", program)
    assert 30 <= float(done.stdout) < 40
    assert time.monotonic() - started >= 0.3


def test_the_control_socket_reads_and_moves_the_clock(tmp_path: Path) -> None:
    program = """
        import json, socket, sys, time
        def tell(command):
            stream = socket.socket(socket.AF_UNIX)
            stream.connect(sys.argv[1])
            stream.sendall(command.encode())
            return json.loads(stream.recv(1000))
        time.sleep(1)
        begun = time.monotonic()
        assert abs(tell("read")["monotonic"] - begun) < 5
        tell("advance 1000")
        assert 1000 <= time.monotonic() - begun < 1005
        assert tell("rate 20")["rate"] == 20
        tell("rate 1")
        tell("hold")
        real = time.process_time()
        time.sleep(0.3)
        assert tell("release")["leapt"] < 2
        print(tell("fly")["error"])
    """
    path = tmp_path / "clock.sock"
    done = leap("--control", str(path), "-q", "--", sys.executable, "-c", textwrap.dedent(program), str(path))
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "expected read, advance SECONDS, rate FACTOR, hold or release\n",
        "",
    )
    assert not path.exists()


def test_a_suite_with_a_server_of_its_own_runs_under_one_clock(tmp_path: Path) -> None:
    """The server in the test's process responds after ten minutes: a request within the program holds nothing up."""
    test = """
        import http.server, threading, time, urllib.request

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                time.sleep(600)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"late")

        def test_that_it_expires():
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            begun = time.monotonic()
            url = f"http://127.0.0.1:{server.server_port}"
            assert urllib.request.urlopen(url, timeout=1200).read() == b"late"
            time.sleep(1800)
            assert 2400 <= time.monotonic() - begun < 2460
    """
    (tmp_path / "test_expiry.py").write_text(textwrap.dedent(test))
    done = leap("--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_expiry.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


# ---------------------------------------------------------------------------------------- what ends with what


def until(condition: Callable[[], bool]) -> bool:
    patience = time.monotonic() + LONGEST
    while time.monotonic() < patience:
        if condition():
            return True
        time.sleep(0.01)
    return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


FAMILY = "sleep 1; sh -c 'while :; do :; done' & echo $$ $!; wait"


def started(words: Sequence[str]) -> tuple[subprocess.Popen[str], list[int]]:
    """A running family of two, and the numbers of its processes."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_the_death_of_a_part_ends_the_program(victim: str) -> None:
    process, family = started([str(library.supervisor()), "--", "sh", "-c", FAMILY])
    (supervisor,) = children(process.pid)
    assert all(map(is_alive, family))
    os.kill(process.pid if victim == "guard" else supervisor, signal.SIGKILL)
    assert until(lambda: not any(map(is_alive, [*family, supervisor])))
    _, errors = process.communicate(timeout=LONGEST)
    if victim == "supervisor":
        assert process.returncode == 125
        assert "the supervising clock has died, and the program was ended" in errors


def test_nothing_is_left_running_when_the_command_is_killed() -> None:
    process, family = started([sys.executable, "-m", "pollproof", "leap", "--", "sh", "-c", FAMILY])
    process.kill()
    assert until(lambda: not any(map(is_alive, family)))
    process.communicate(timeout=LONGEST)


def test_a_signal_reaches_the_program_once() -> None:
    # No substitution of a command while the signal may come: bash reads its trap into it, and finds no end.
    program = """
        trap "echo caught" TERM
        echo ready
        for ((number = 0; number < 300; number++)); do sleep 0.01 & wait $!; done
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "pollproof", "leap", "--rate", "1.001", "-q", "--", "bash", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.communicate(timeout=LONGEST)[0] == "caught\n"


def test_a_signal_while_the_program_is_being_started_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(words: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(words)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(leap_command, "subprocess", SimpleNamespace(Popen=start))
    assert leap_command._run([sys.executable, "-c", "import time; time.sleep(30)"]) == 128 + signal.SIGTERM


# ------------------------------------------------------------------------------------------------- rights


def test_an_ordinary_user_may_supervise(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("every other test here is run by an ordinary user")
    program = tmp_path / "supervisor"
    program.write_bytes(library.supervisor().read_bytes())
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    program.chmod(0o755)
    begun = time.monotonic()
    words = [str(program), "--", "sh", "-c", "id -u; sleep 3600"]
    done = subprocess.run(words, user=65534, group=65534, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "65534\n", "")
    assert time.monotonic() - begun < LONGEST


FORBIDDING = """
import ctypes, os, struct, sys
step = lambda code, yes, no, value: struct.pack("HBBI", code, yes, no, value)
number = int(sys.argv[1])
steps = step(0x20, 0, 0, 0) + step(0x15, 0, 1, number) + step(6, 0, 0, 0x50001) + step(6, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(steps)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Forbids one system call, as the profile of a container does, and executes a program."""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of calls are those of x86-64")
@pytest.mark.parametrize(
    ("number", "right"),
    [(438, "pidfd_getfd is not permitted"), (317, "seccomp user notification is not permitted")],
)
def test_the_right_that_is_missing_is_named(number: int, right: str) -> None:
    words = [sys.executable, "-c", FORBIDDING, str(number), str(library.supervisor()), "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert done.returncode == 125
    assert right in done.stderr
    assert "SYS_PTRACE" in done.stderr or "forbid seccomp" in done.stderr
    assert "\n" not in done.stderr.strip()
