"""Clients in other processes under the leaping clock: real programs, real sockets, unmodified."""

from __future__ import annotations

import math
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pollproof.virtualtime import (
    CannotLeap,
    LeapClock,
    SupervisedClock,
    compiling,
    library,
    obeys,
    supervision_unavailable,
    unavailable,
)
from tests.lanes import a_few, only
from tests.leaping.server import ANSWER, Server, serving

CLIENTS = Path(__file__).resolve().parents[1] / "leaping"
LONGEST = 30
"""Real seconds after which a client counts as stuck."""

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "the clock leaps here")


@pytest.fixture(params=["preload", "supervised"])
def clock(request: pytest.FixtureRequest) -> Iterator[LeapClock]:
    """Each kind of clock: what holds for one holds for the other."""
    if request.param == "supervised" and supervision_unavailable() is not None:
        pytest.skip(supervision_unavailable() or "")
    with LeapClock() if request.param == "preload" else SupervisedClock() as clock:
        yield clock


@pytest.fixture
def preload() -> Iterator[LeapClock]:
    with LeapClock() as clock:
        yield clock


@pytest.fixture
def server(clock: LeapClock) -> Iterator[Server]:
    with serving(clock) as server:
        yield server


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run(clock: LeapClock, *command: str) -> str:
    """What the client printed; all that it says to stderr is a failure."""
    done = subprocess.run(
        clock.command(command),
        env=clock.environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=LONGEST,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.strip()


def run_python(clock: LeapClock, program: str, *arguments: str) -> str:
    return run(clock, sys.executable, "-c", textwrap.dedent(program), *arguments)


def compiled(folder: Path, program: str, *options: str) -> str:
    """A small C program."""
    found = compiling.compiler()
    if found is None:
        pytest.skip("there is no C compiler")
    source, target = folder / "program.c", folder / "program"
    source.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [found, *options, "-o", str(target), str(source), "-pthread"], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"this compiler does not compile it: {done.stderr.decode()}")
    return str(target)


PYTHON_LIBRARIES = ("standard_library", "event", "requests", "httpx", "async_httpx", "aiohttp")
POLLING = {
    name: [sys.executable, str(CLIENTS / "polls.py"), name, "URL", "COUNT", "SECONDS"] for name in PYTHON_LIBRARIES
}
POLLING["node http"] = ["node", str(CLIENTS / "polls.mjs"), "http", "URL", "COUNT", "SECONDS"]
POLLING["node fetch"] = ["node", str(CLIENTS / "polls.mjs"), "fetch", "URL", "COUNT", "SECONDS"]
POLLING["bash and curl"] = ["bash", str(CLIENTS / "polls.sh"), "URL", "COUNT", "SECONDS"]
POLLING["perl"] = ["perl", str(CLIENTS / "polls.pl"), "URL", "COUNT", "SECONDS"]
SOME = ("standard_library", "aiohttp", "node fetch", "bash and curl", "perl")
"""One of each way to wait."""


def poll(clock: LeapClock, server: Server, kind: str, path: str, count: int, seconds: float) -> None:
    command = POLLING[kind]
    if shutil.which(command[0]) is None or (kind == "bash and curl" and shutil.which("curl") is None):
        pytest.skip(f"{kind} is not installed")
    if kind in ("requests", "httpx", "async_httpx", "aiohttp"):
        pytest.importorskip(kind.removeprefix("async_"))
    values = {"URL": server.url + path, "COUNT": str(count), "SECONDS": str(seconds)}
    run(clock, *(values.get(word, word) for word in command))


@pytest.mark.parametrize("kind", only(POLLING, SOME))
def test_120_polls_3_seconds_apart_take_no_time(clock: LeapClock, server: Server, kind: str) -> None:
    started = time.monotonic()
    poll(clock, server, kind, "/poll", 120, 3)
    took = time.monotonic() - started
    assert took < LONGEST
    assert len(server.times) == 120
    # Node rounds its timers to milliseconds, and may be a millisecond early in real time, too.
    assert min(server.gaps) > 2.998
    assert sum(server.gaps) <= 357 + took


@pytest.mark.parametrize("path", ["/slow/50", "/split/50"])
@pytest.mark.parametrize("kind", only(POLLING, SOME))
def test_no_client_times_out_while_the_server_takes_its_time(
    clock: LeapClock, server: Server, kind: str, path: str
) -> None:
    poll(clock, server, kind, path, 3, 3)
    assert len(server.times) == 3
    assert min(server.gaps) > 2.998
    assert max(server.gaps) < 5


@pytest.mark.parametrize("kind", only(POLLING, SOME))
def test_an_answer_may_take_virtual_time(clock: LeapClock, server: Server, kind: str) -> None:
    poll(clock, server, kind, "/late/4.5", 3, 3)
    assert len(server.times) == 3
    assert min(server.gaps) > 7.498
    assert max(server.gaps) < 9


GIVING_UP = {
    "standard_library": """
        import http.client
        def get(url):
            connection = http.client.HTTPConnection(url.split("/")[2], timeout=5)
            connection.request("GET", "/" + url.split("/", 3)[3])
            connection.getresponse()""",
    "requests": """
        import requests
        def get(url):
            requests.get(url, timeout=5)""",
    "httpx": """
        import httpx
        def get(url):
            httpx.get(url, timeout=5, trust_env=False)""",
    "aiohttp": """
        import aiohttp, asyncio
        async def main(url):
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
                async with session.get(url) as answer:
                    await answer.read()
        def get(url):
            asyncio.run(main(url))""",
}
"""Clients that wait for 5 seconds for a response. An ssl context, which some make first, takes real time."""

TIMING = """
import sys, time
started = time.monotonic()
try:
    get(sys.argv[1])
except Exception as error:
    print(type(error).__name__, time.monotonic() - started)
"""


@pytest.mark.parametrize("path", ["/late/20", "/never", "/jump/20"])
@pytest.mark.parametrize("kind", a_few(GIVING_UP, 2))
def test_a_client_times_out_when_an_answer_takes_too_much_virtual_time(
    clock: LeapClock, server: Server, kind: str, path: str
) -> None:
    if kind != "standard_library":
        pytest.importorskip(kind)
    program = textwrap.dedent(GIVING_UP[kind]) + TIMING
    name, seconds = run_python(clock, program, server.url + path).split()
    assert "time" in name.lower()
    if path == "/jump/20":
        assert float(seconds) > 5
    else:
        assert 4.99 < float(seconds) < 6.5
    assert len(server.times) == 1


def test_the_provider_learns_that_a_client_went_away(clock: LeapClock, server: Server) -> None:
    program = textwrap.dedent(GIVING_UP["standard_library"]) + TIMING + "import os; os._exit(0)"
    run_python(clock, program, f"{server.url}/never")
    patience = time.monotonic() + LONGEST
    while not server.abandoned and time.monotonic() < patience:
        time.sleep(0.01)
    assert server.abandoned


@needs("node")
def test_node_gives_up_in_virtual_time(clock: LeapClock, server: Server) -> None:
    program = """
        const started = performance.now();
        fetch(process.argv[1], { signal: AbortSignal.timeout(5000) })
            .catch((error) => console.log(error.name, (performance.now() - started) / 1000));
    """
    name, seconds = run(clock, "node", "-e", program, f"{server.url}/late/20").split()
    assert name == "TimeoutError"
    assert 4.99 < float(seconds) < 5.5


@needs("curl")
def test_curl_waits_between_its_retries(clock: LeapClock, server: Server) -> None:
    command = ["curl", "--silent", "--retry", "2", "--retry-delay", "30", "--max-time", "5", f"{server.url}/late/20"]
    done = subprocess.run(
        clock.command(command), env=clock.environment(), capture_output=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 28
    assert len(server.times) == 3
    assert all(34.9 < gap < 36 for gap in server.gaps)


DEADLINES = [2.0, 3.0, 3.5, 7.0, 11.0, 30.0]
LEAST_DISTANCE = 0.5
WAITING = {
    kind: [sys.executable, str(CLIENTS / "deadlines.py"), kind]
    for kind in ("sleep", "wait_for_event", "wait_for_queue", "wait_for_process", "in_tasks", "in_tasks_and_threads")
}
WAITING["node"] = ["node", str(CLIENTS / "deadlines.mjs")]
WAITING["bash"] = ["bash", str(CLIENTS / "deadlines.sh")]


@pytest.mark.parametrize("kind", WAITING)
def test_the_earliest_deadline_comes_first(clock: LeapClock, kind: str) -> None:
    if shutil.which(WAITING[kind][0]) is None:
        pytest.skip(f"{kind} is not installed")
    started = time.monotonic()
    lines = [line.split() for line in run(clock, *WAITING[kind]).splitlines()]
    took = time.monotonic() - started
    ended = [float(deadline) for deadline, _ in lines]
    # A wait that begins later by more than the least distance of two may end after the other one.
    assert (ended if took < LEAST_DISTANCE else sorted(ended)) == DEADLINES
    for deadline, passed in lines:
        # What it takes to start all of them passes too, and nothing else; Python looks for a child 20 times a second.
        assert float(deadline) - 0.002 <= float(passed) < float(deadline) + 0.1 + took


@pytest.mark.parametrize("seconds", [86_399, 86_401])
def test_a_day_is_decided_to_the_second(clock: LeapClock, server: Server, seconds: int) -> None:
    poll(clock, server, "standard_library", "/poll", 2, seconds)
    assert (server.gaps[0] < 86_400) is (seconds < 86_400)
    assert math.isclose(server.gaps[0], seconds, abs_tol=0.5)


def test_both_sides_read_one_clock(clock: LeapClock) -> None:
    program = "import time; time.sleep(1000); print(time.monotonic(), time.time(), flush=True); time.sleep(1000)"
    before, date = clock.now(), time.time()
    monotonic, seen_date = map(float, run_python(clock, program).split())
    assert before + 1000 <= monotonic <= clock.now() - 1000
    assert 1000 <= seen_date - date < 1010
    leaps = clock.leaps
    assert (leaps.attached, leaps.count, leaps.obeyed) == (1, 2, True)
    assert 1999 < leaps.seconds <= 2000


def test_every_clock_of_the_world_moves_and_processor_time_does_not(clock: LeapClock) -> None:
    program = """
        import datetime, time
        def read():
            names = ("REALTIME", "MONOTONIC", "MONOTONIC_RAW", "BOOTTIME", "TAI")
            clocks = [time.clock_gettime(getattr(time, "CLOCK_" + name)) for name in names]
            return [*clocks, time.time(), time.perf_counter(), datetime.datetime.now().timestamp()], time.process_time()
        before, processor = read()
        time.sleep(500)
        after, processor_after = read()
        assert all(500 <= right - left < 510 for left, right in zip(before, after)), (before, after)
        assert processor_after - processor < 5
    """
    run_python(clock, program)


def test_a_client_that_works_takes_real_time(clock: LeapClock) -> None:
    program = """
        import threading, time
        started = time.monotonic()
        done = threading.Event()
        def work():
            end = time.process_time() + 0.3
            while time.process_time() < end:
                pass
            done.set()
        threading.Thread(target=work).start()
        assert done.wait(60), "the wait was leapt over while another thread worked"
        assert time.monotonic() - started < 30
    """
    run_python(clock, program)


def test_a_process_that_works_holds_up_its_parent(clock: LeapClock) -> None:
    program = """
        import subprocess, sys
        work = "import time\\nend = time.process_time() + 0.3\\nwhile time.process_time() < end: pass"
        subprocess.run([sys.executable, "-c", work], timeout=60, check=True)
    """
    started = clock.now()
    run_python(clock, program)
    assert clock.now() - started < 60


@needs("bash")
def test_a_child_in_flight_holds_up_its_parent(clock: LeapClock, server: Server) -> None:
    program = """
        import subprocess, sys
        fetch = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
        shell = ["bash", "-c", '"$0" "$@"; exit $?', sys.executable, "-c", fetch, sys.argv[1]]
        subprocess.run(shell, timeout=20, check=True)
    """
    started = clock.now()
    run_python(clock, program, f"{server.url}/slow/300")
    assert server.paths == ["/slow/300"]
    assert clock.now() - started < 20


def test_a_killed_child_holds_up_nobody(clock: LeapClock, server: Server) -> None:
    """Killed while it sleeps, while it waits for a response, and while it is about to be started."""
    program = """
        import signal, subprocess, sys, time
        fetch = "import sys, urllib.request; print(1, flush=True); urllib.request.urlopen(sys.argv[1]).read()"
        for _ in range(5):
            asking = subprocess.Popen([sys.executable, "-c", fetch, sys.argv[1]], stdout=subprocess.PIPE)
            sleeping = subprocess.Popen(["sleep", "2000"])
            asking.stdout.readline()
            asking.kill()
            sleeping.kill()
            starting = subprocess.Popen(["sleep", "1000"])
            starting.kill()
            time.sleep(500)
            print([child.wait() for child in (asking, sleeping, starting)])
    """
    started = clock.now()
    assert run_python(clock, program, f"{server.url}/slow/20000").splitlines() == ["[-9, -9, -9]"] * 5
    assert 2500 <= clock.now() - started < 2600


def test_an_orphan_that_is_left_running_is_still_a_part_of_the_client(clock: LeapClock) -> None:
    program = """
        import os, time
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(20)
                print(time.monotonic(), flush=True)
            os._exit(0)
        os.wait()
        started = time.monotonic()
        time.sleep(5)
        print(started, time.monotonic(), flush=True)
    """
    started, ended, orphan = map(float, run_python(clock, program).split())
    assert 5 <= ended - started < 6
    assert 19 < orphan - started < 21


def test_processes_of_a_pool(clock: LeapClock) -> None:
    program = """
        import multiprocessing, time
        def work(seconds):
            time.sleep(seconds)
            return time.monotonic()
        if __name__ == "__main__":
            started = time.monotonic()
            with multiprocessing.get_context("fork").Pool(3) as pool:
                ends = pool.map(work, [300, 100, 200], chunksize=1)
            print(*(round(end - started) for end in ends))
    """
    assert run_python(clock, program) == "300 100 200"


def test_a_receiver_of_callbacks_is_nothing_in_flight(clock: LeapClock, server: Server) -> None:
    """The client serves, too: what it has answered is no question of its own."""
    program = """
        import http.client, http.server, threading, time
        class Receiver(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")
            def log_message(self, *arguments):
                pass
        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        receiver.daemon_threads = True
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection(*receiver.server_address)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
            time.sleep(100)
        receiver.shutdown()
    """
    started = clock.now()
    run_python(clock, program)
    assert 300 <= clock.now() - started < 310


@pytest.mark.skipif(supervision_unavailable() is not None, reason=supervision_unavailable() or "")
def test_bytes_that_the_kernel_holds_back_are_in_flight() -> None:
    """A second short segment waits until the first is acknowledged, which takes the receiver 40 ms of real time."""
    program = """
        import socket, threading, time
        listener = socket.create_server(("127.0.0.1", 0))
        receiver = socket.create_connection(listener.getsockname())
        sender, _ = listener.accept()
        done = threading.Event()
        def rest():
            while not done.is_set():
                time.sleep(0.5)
        threading.Thread(target=rest).start()
        for _ in range(10):
            receiver.sendall(b"?")
            sender.recv(1)
            receiver.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            sender.sendall(b"a")
            sender.sendall(b"b")
            received = b""
            while len(received) < 2:
                received += receiver.recv(2)
        done.set()
    """
    with SupervisedClock() as clock:
        started = clock.now()
        run_python(clock, program)
        assert clock.now() - started < 15


def test_names_are_looked_up_in_real_time(clock: LeapClock) -> None:
    program = """
        import socket, threading, time
        threading.Thread(target=socket.getaddrinfo, args=("localhost", 80)).start()
        time.sleep(100)
    """
    run_python(clock, program)
    assert clock.leaps.seconds > 99


def test_a_datagram_without_an_answer_does_not_hold_up_for_long(clock: LeapClock) -> None:
    program = """
        import socket, time
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, socket.socket(type=socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            sender.sendto(b"x", other.getsockname())
            time.sleep(100)
    """
    started = time.monotonic()
    run_python(clock, program)
    assert 1 < time.monotonic() - started < 10


def test_a_refused_and_a_closed_connection_are_not_in_flight(clock: LeapClock, server: Server) -> None:
    program = """
        import socket, sys, time
        host, port = "127.0.0.1", int(sys.argv[1])
        for kind in ("refused", "closed", "shut", "answered"):
            with socket.socket() as connection:
                connection.settimeout(5)
                if kind == "refused":
                    assert connection.connect_ex((host, 1)) != 0
                else:
                    connection.connect((host, port))
                    connection.sendall(b"GET /close HTTP/1.1\\r\\n\\r\\n" if kind == "answered" else b"GET ")
                    if kind == "shut":
                        connection.shutdown(socket.SHUT_RDWR)
                    if kind == "answered":
                        while connection.recv(1000):
                            pass
                if kind != "closed":
                    time.sleep(100)
        time.sleep(100)
    """
    started = clock.now()
    run_python(clock, program, server.url.rpartition(":")[2])
    assert 400 <= clock.now() - started < 430  # a machine under load


@needs("bash")
def test_bash_talks_through_duplicates(clock: LeapClock, server: Server) -> None:
    """The question is sent from one descriptor and process, the response is read from others."""
    program = """
        exec 3<>/dev/tcp/127.0.0.1/$1
        for number in 1 2 3; do
            printf 'GET /slow/50 HTTP/1.1\\r\\n\\r\\n' >&3
            head -c $2 <&3 >/dev/null
            sleep 100
        done
        read -t 100 line <&3
        echo $?
    """
    started = clock.now()
    status = run(clock, "bash", "-c", program, "bash", server.url.rpartition(":")[2], str(len(ANSWER)))
    assert int(status) in (0, 142)
    assert all(100 <= gap < 105 for gap in server.gaps)
    assert 300 <= clock.now() - started < 430  # a machine under load


@needs("perl")
def test_alarms_ring_in_virtual_time(clock: LeapClock) -> None:
    program = "$SIG{ALRM} = sub { die 'rang' }; alarm 50; eval { select(undef, undef, undef, 200) }; print time - $^T"
    assert run(clock, "perl", "-e", program) in ("50", "51")


@needs("perl")
def test_an_alarm_rings_once_where_real_time_passed(clock: LeapClock) -> None:
    program = """
        $SIG{ALRM} = sub { $rings++ };
        alarm 1;
        select(undef, undef, undef, 50);
        sleep 5 for 1 .. 3;
        print $rings;
    """
    with clock.held():
        process = subprocess.Popen(
            clock.command(["perl", "-e", program]), env=clock.environment(), stdout=subprocess.PIPE, text=True
        )
        time.sleep(1.2)
    assert process.communicate(timeout=LONGEST)[0] == "1"


def test_a_timer_descriptor_fires_in_virtual_time(clock: LeapClock, tmp_path: Path) -> None:
    program = """
        #include <poll.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <sys/timerfd.h>
        #include <time.h>
        #include <unistd.h>
        int main(void) {
            struct timespec before, after;
            struct itimerspec timer = {.it_value = {.tv_sec = 50}, .it_interval = {.tv_sec = 100}};
            int fd = timerfd_create(CLOCK_MONOTONIC, 0);
            struct pollfd file = {.fd = fd, .events = POLLIN};
            uint64_t count;
            clock_gettime(CLOCK_MONOTONIC, &before);
            timerfd_settime(fd, 0, &timer, NULL);
            for (int round = 0; round < 3; round++) {
                if (poll(&file, 1, round == 1 ? 1000000 : -1) != 1 || read(fd, &count, sizeof count) < 0) return 1;
                clock_gettime(CLOCK_MONOTONIC, &after);
                printf("%ld ", (long)(after.tv_sec - before.tv_sec));
            }
            return 0;
        }
    """
    assert run(clock, compiled(tmp_path, program)) == "50 150 250"


def test_signals_interrupt_waits(clock: LeapClock, tmp_path: Path) -> None:
    """With a thread that is at work, so that nothing is leapt over: each wait ends by the signal, early."""
    program = """
        #include <errno.h>
        #include <poll.h>
        #include <pthread.h>
        #include <semaphore.h>
        #include <signal.h>
        #include <stdio.h>
        #include <sys/epoll.h>
        #include <sys/select.h>
        #include <time.h>
        #include <unistd.h>
        static volatile int rounds, ended;
        static void note(int number) { rounds += number > 0; }
        static void *disturb(void *main_thread) {
            for (volatile unsigned long spin = 0; !ended; spin++)
                if (spin % 20000000 == 19999999) pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
            return NULL;
        }
        int main(void) {
            struct sigaction action = {.sa_handler = note};
            sigaction(SIGUSR1, &action, NULL);
            pthread_t self = pthread_self(), other;
            pthread_create(&other, NULL, disturb, &self);
            struct timespec day = {.tv_sec = 86400}, left = {0}, until;
            sem_t semaphore;
            sem_init(&semaphore, 0, 0);
            int epoll = epoll_create1(0);
            struct epoll_event event;
            for (int round = 0; round < 5; round++) {
                struct timeval interval = {.tv_sec = 86400};
                if (nanosleep(&day, &left) != -1 || errno != EINTR || left.tv_sec < 86300) return 1;
                if (clock_nanosleep(CLOCK_REALTIME, 0, &day, &left) != EINTR || left.tv_sec < 86300) return 2;
                if (sleep(86400) < 86300) return 3;
                if (poll(NULL, 0, 86400000) != -1 || errno != EINTR) return 4;
                if (select(0, NULL, NULL, NULL, &interval) != -1 || errno != EINTR || interval.tv_sec < 86300) return 5;
                if (epoll_wait(epoll, &event, 1, 86400000) != -1 || errno != EINTR) return 6;
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_sec += 86400;
                if (sem_timedwait(&semaphore, &until) != -1 || errno != EINTR) return 7;
            }
            ended = 1;
            pthread_join(other, NULL);
            printf("%d", rounds >= 35);
            return 0;
        }
    """
    assert run(clock, compiled(tmp_path, program)) == "1"


def test_no_signal_of_a_condition_is_lost(clock: LeapClock, tmp_path: Path) -> None:
    """Signals given without the mutex, to a waiter with a deadline: none may take it to its deadline."""
    program = """
        #include <errno.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <time.h>
        #define ROUNDS 3000
        static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
        static pthread_cond_t given = PTHREAD_COND_INITIALIZER, taken = PTHREAD_COND_INITIALIZER;
        static int pieces, late;
        static void wait_until(pthread_cond_t *condition, int wanted) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += 60;
            pthread_mutex_lock(&mutex);
            while (pieces != wanted) {
                if (pthread_cond_timedwait(condition, &mutex, &until) != ETIMEDOUT || pieces == wanted) continue;
                late++;
                pieces = wanted;
            }
            pieces = !wanted;
            pthread_mutex_unlock(&mutex);
        }
        static void *take(void *nothing) {
            for (int round = 0; round < ROUNDS; round++) {
                wait_until(&given, 1);
                pthread_cond_signal(&taken);
            }
            return nothing;
        }
        int main(void) {
            pthread_t taker;
            pthread_create(&taker, NULL, take, NULL);
            for (int round = 0; round < ROUNDS; round++) {
                wait_until(&taken, 0);
                pthread_cond_signal(&given);
            }
            pthread_join(taker, NULL);
            printf("%d", late);
            return 0;
        }
    """
    assert run(clock, compiled(tmp_path, program, "-O2")) == "0"


def test_threads_that_hand_over_work_with_timeouts(clock: LeapClock) -> None:
    program = """
        import queue, threading, time
        work, results = queue.Queue(), queue.Queue()
        def serve():
            while (item := work.get(timeout=60)) is not None:
                results.put(item, timeout=60)
        threads = [threading.Thread(target=serve) for _ in range(4)]
        for thread in threads:
            thread.start()
        started = time.monotonic()
        for number in range(500):
            work.put(number)
            results.get(timeout=60)
        for _ in threads:
            work.put(None)
        for thread in threads:
            thread.join(60)
        print(time.monotonic() - started < 50)
    """
    assert run_python(clock, program) == "True"


def test_the_limit_ends_the_leaping(server: Server) -> None:
    with LeapClock(limit=100) as clock:
        process = subprocess.Popen(
            clock.command(["bash", "-c", "while true; do sleep 30; done"]), env=clock.environment()
        )
        time.sleep(0.7)
        process.kill()
        process.wait()
        assert 89 < clock.leaps.seconds <= 100
        assert clock.leaps.count == 3


def test_the_provider_moves_the_clock(clock: LeapClock) -> None:
    """While it holds the clock nothing is leapt over; what it adds ends the waits that it reaches."""
    program = "import time; print(time.monotonic(), flush=True); time.sleep(100); print(time.monotonic())"
    with clock.held():
        process = subprocess.Popen(
            clock.command([sys.executable, "-c", program]), env=clock.environment(), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        started = float(process.stdout.readline())
        clock.advance(50)
        time.sleep(0.1)
        assert process.poll() is None
        clock.advance(200)
        assert float(process.stdout.readline()) - started >= 250
        assert process.wait(LONGEST) == 0
    process.stdout.close()
    assert clock.leaps.count == 0
    with pytest.raises(ValueError, match="finite"):
        clock.advance(-1)


def test_the_provider_sleeps_among_the_waits_of_the_client(clock: LeapClock) -> None:
    woken: list[float] = []
    started = clock.now()

    def wake_up() -> None:
        with clock.held() as hold:
            assert hold.sleep(50)
            time.sleep(0.1)
            woken.append(clock.now() - started)

    sleeper = threading.Thread(target=wake_up)
    sleeper.start()
    begun, ended = run_python(
        clock, "import time; print(time.monotonic()); time.sleep(100); print(time.monotonic())"
    ).split()
    sleeper.join(LONGEST)
    assert 50 <= woken[0] < 50.5
    assert 100 <= float(ended) - float(begun) < 100.5


def test_a_sleep_of_the_provider_can_end_early() -> None:
    with LeapClock() as clock, clock.held():
        asked: list[bool] = []
        assert clock.sleep(1000, until=lambda: bool(asked.append(True)) or len(asked) > 1) is False
        answers: list[bool] = []
        sleeper = threading.Thread(target=lambda: answers.append(clock.sleep(math.inf)))
        sleeper.start()
    sleeper.join(LONGEST)
    assert answers == [False]
    assert clock.now() > 0


def test_without_its_file_the_library_does_nothing(preload: LeapClock) -> None:
    program = "import time; started = time.monotonic(); time.sleep(0.2); print(time.monotonic() - started)"
    environment = preload.environment()
    for path in (None, "/nonexistent/clock", os.devnull, __file__):
        environment.pop("POLLPROOF_LEAP_FILE", None)
        if path is not None:
            environment["POLLPROOF_LEAP_FILE"] = path
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=True,
        )
        assert 0.2 <= float(done.stdout) < 5
        assert time.monotonic() - started >= 0.2
        assert done.stderr == ""
    assert preload.leaps.attached == 0


STATIC = """
    #include <unistd.h>
    int main(void) { return usleep(300000); }
"""


def test_a_static_program_does_not_obey(tmp_path: Path) -> None:
    program = compiled(tmp_path, STATIC, "-static")
    assert obeys(["sleep", "3"])
    assert not obeys([program])
    assert not obeys(["true"])
    assert not obeys(["sleep", "inf"], timeout=0.3)
    with pytest.raises(OSError, match="nonexistent"):
        obeys(["/nonexistent/program"])


def test_a_go_program_is_seen_not_to_obey(preload: LeapClock, tmp_path: Path) -> None:
    """Go has its own system calls, even where it loads libc, and the library with it. This is C with the note of Go."""
    note = """
        __attribute__((section(".note.go.buildid"), used, aligned(4)))
        static const struct { int name, description, type; char text[4], id[4]; } note = {4, 4, 4, "Go", "id"};
    """
    program = compiled(tmp_path, note + STATIC)
    assert not obeys([program])
    run_python(preload, "import subprocess, sys; subprocess.run(sys.argv[1:], timeout=30, check=True)", program)
    assert preload.leaps.attached == 1
    assert preload.leaps.hindered > 0


@pytest.mark.parametrize("shell", [[], ["bash", "-c", '"$0"; exit $?'], ["perl", "-e", "exec @ARGV"]])
def test_a_child_that_does_not_obey_makes_its_parent_wait_really(
    preload: LeapClock, tmp_path: Path, shell: list[str]
) -> None:
    if shell and shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    program = "import subprocess, sys; subprocess.run(sys.argv[1:], timeout=30, check=True)"
    started = preload.now()
    run_python(preload, program, *shell, compiled(tmp_path, STATIC, "-static"))
    assert 0.3 <= preload.now() - started < 10
    assert preload.leaps.hindered > 0


def test_the_environment_keeps_what_was_there(preload: LeapClock) -> None:
    environment = preload.environment({"LD_PRELOAD": "/lib/other.so", "HOME": "/home"})
    own, other = environment["LD_PRELOAD"].split(":")
    assert own.endswith(".so")
    assert other == "/lib/other.so"
    assert environment["HOME"] == "/home"
    assert environment["UV_USE_IO_URING"] == "0"
    shared = Path(environment["POLLPROOF_LEAP_FILE"])
    assert stat.S_IMODE(shared.stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.parent.stat().st_mode) == 0o700


def test_a_closed_clock_leaves_nothing_behind() -> None:
    with LeapClock() as clock:
        shared = Path(clock.environment()["POLLPROOF_LEAP_FILE"])
        subprocess.run(clock.command(["sleep", "5"]), env=clock.environment(), timeout=LONGEST, check=True)
    assert not shared.parent.exists()
    assert clock.leaps.count == 1
    with pytest.raises(RuntimeError, match="not open"):
        clock.environment()
    with pytest.raises(RuntimeError, match="once"), clock:
        pass
    with pytest.raises(RuntimeError, match="not open"):
        LeapClock().now()
    with pytest.raises(ValueError, match="limit"):
        LeapClock(limit=-1)


def test_a_client_that_outlives_its_clock_goes_on(server: Server) -> None:
    with LeapClock() as clock, clock.held():
        program = "import time; print(1, flush=True); time.sleep(0.5)"
        process = subprocess.Popen(
            clock.command([sys.executable, "-c", program]), env=clock.environment(), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
    assert process.wait(LONGEST) == 0
    process.stdout.close()


def test_a_path_that_the_loader_cannot_be_told_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    awkward = tmp_path / "a b:c"
    awkward.mkdir()
    path, functions = library.library()
    shutil.copyfile(path, awkward / "lib.so")
    monkeypatch.setattr("pollproof.virtualtime.clock.library", lambda: (awkward / "lib.so", functions))
    with LeapClock() as clock:
        subprocess.run(clock.command(["sleep", "5"]), env=clock.environment(), timeout=LONGEST, check=True)
        assert clock.leaps.count == 1


@pytest.fixture
def usable() -> Path:
    """The library of this machine; it comes before `unfound` where both are needed."""
    return library.library()[0]


@pytest.fixture
def unfound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """No library in the package, and none in the cache."""
    monkeypatch.setattr(library, "BUILT", tmp_path / "none.so")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for remembered in (library.library, unavailable):
        remembered.cache_clear()
    yield monkeypatch
    for remembered in (library.library, unavailable):
        remembered.cache_clear()


def test_the_library_is_compiled_once_into_a_private_folder(unfound: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if compiling.compiler() is None:
        pytest.skip("there is no C compiler")
    assert unavailable() is None
    (made,) = (tmp_path / "cache" / "pollproof").iterdir()
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    first = made.stat()
    library.library.cache_clear()
    assert library.library()[0] == made
    assert made.stat() == first


def test_a_folder_that_others_can_write_to_is_not_used(
    usable: Path, unfound: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unfound.setattr(library, "compile_library", lambda target: shutil.copy(usable, target))
    folder = tmp_path / "cache" / "pollproof"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert not library.library()[0].is_relative_to(folder)


def test_it_says_why_leaping_is_unavailable(unfound: pytest.MonkeyPatch) -> None:
    unfound.setattr(compiling, "compiler", lambda: None)
    reason = unavailable()
    assert reason is not None
    assert "no C compiler" in reason
    with pytest.raises(CannotLeap, match="no C compiler"):
        LeapClock()


def test_it_says_on_which_systems_leaping_is_unavailable(unfound: pytest.MonkeyPatch) -> None:
    unfound.setattr(os, "confstr", lambda name: None)
    assert "glibc" in (unavailable() or "")
    unavailable.cache_clear()
    library.library.cache_clear()
    unfound.setattr(sys, "platform", "darwin")
    assert "darwin" in (unavailable() or "")


def test_a_compiler_that_fails_is_quoted(unfound: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("#error this does not compile\n")
    if compiling.compiler() is None:
        pytest.skip("there is no C compiler")
    unfound.setattr(compiling, "SOURCES", tmp_path)
    assert "this does not compile" in (unavailable() or "")
    assert not list((tmp_path / "cache" / "pollproof").iterdir())


def test_stopped_processes_do_not_hold_up_the_others(clock: LeapClock) -> None:
    stopped = subprocess.Popen(clock.command(["sleep", "50"]), env=clock.environment())
    with clock.held():
        time.sleep(0.2)
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
    try:
        subprocess.run(clock.command(["sleep", "100"]), env=clock.environment(), timeout=LONGEST, check=True)
    finally:
        stopped.kill()
        stopped.wait()


def test_threads_may_look_at_the_clock_while_the_interpreter_ends() -> None:
    program = """
        import threading
        from pollproof.virtualtime import LeapClock
        with LeapClock() as clock:
            for _ in range(4):
                threading.Thread(target=lambda: [clock.now() for _ in iter(int, 1)], daemon=True).start()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=LONGEST, check=False)
    assert done.returncode == 0


CLOSE = {"x86_64": 3, "aarch64": 57}
"""The number of the system call close(2), which some runtimes make themselves."""


@pytest.mark.skipif(platform.machine() not in CLOSE, reason="the number of close(2) is not known here")
def test_a_connection_that_is_closed_behind_the_hooks_keeps_no_other_waiting(clock: LeapClock) -> None:
    program = """
        import ctypes, socket, sys, time
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        connection.sendall(b"a question")
        ctypes.CDLL(None).syscall(int(sys.argv[2]), connection.detach())
        time.sleep(600)
        print("slept")
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=clock.sleep, args=(300.0,), daemon=True).start()
        port, number = listener.getsockname()[1], CLOSE[platform.machine()]
        assert run(clock, sys.executable, "-c", textwrap.dedent(program), str(port), str(number)) == "slept"
