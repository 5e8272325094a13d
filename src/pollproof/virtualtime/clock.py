"""The leaping clock, as the judging process sees it."""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import subprocess
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pollproof.clock import checked
from pollproof.processes.watchdog_client import temporary_folder
from pollproof.virtualtime.compiling import LIBRARY
from pollproof.virtualtime.library import CannotLeap, can_be_preloaded, library, supervisor

SECOND = 1_000_000_000
"""Nanoseconds of a second."""

FOREVER = 2**63 - 1
"""A time of the clock that never comes."""

_LONGEST_SPAN = 2**60
"""Nanoseconds of the longest span that a clock takes: 36 years."""

_LOOK_NANOSECONDS = 20_000_000
"""Nanoseconds of real waiting between two looks at whether a sleep is to end early."""


RESTING = 2.0
"""Real seconds without a leap after which there is something in the way of the clock."""

OBSTACLES = (
    "no thread waited for a time",
    "a request was being answered",
    "the program's request from port {} had no response",
    "thread {} was running",
    "thread {} waited by a call that takes real time",
    "process {} does not share the clock",
)
"""What keeps the clock from leaping, by the numbers of `enum obstacle_kind`."""


def nanoseconds(seconds: float) -> int:
    """A span of seconds in whole nanoseconds, at most `_LONGEST_SPAN`."""
    return _LONGEST_SPAN if seconds >= _LONGEST_SPAN / SECOND else round(seconds * SECOND)


@dataclass(frozen=True, slots=True)
class Leaps:
    """What a clock has seen of its client so far.

    `attached` programs share the clock; it has leapt `count` times, over `seconds` in all; and
    `hindered` times it could not, because a child of the client's processes had not loaded the library.
    `unseen` requests came of which the clock has not seen that the client sends them.
    """

    attached: int
    count: int
    seconds: float
    hindered: int
    unseen: int = 0

    @property
    def obeyed(self) -> bool:
        """Whether the client's waits moved the clock at all."""
        return self.attached > 0 and self.count > 0


class LeapClock:
    """One clock for a provider in this process and for a client in others, which leaps over the client's waits.

    It runs like the machine's clock, and is moved forward by `advance` and by the waits of the client's processes:
    those that are started with `environment()` while the clock is open (`with LeapClock() as clock: ...`). It leaps
    while all of the client waits and nothing that it has sent is unanswered; `limit` is the most that leaps may put it
    ahead of the machine's clock, in seconds, after which waits take their real time.

    Raises CannotLeap where `unavailable()` gives a reason.
    """

    def __init__(self, limit: float = math.inf) -> None:
        if math.isnan(limit) or limit < 0:
            raise ValueError(f"the limit of a clock is a number of seconds, not {limit!r}")
        self._limit = nanoseconds(limit)
        self._path, self._functions = library()
        self._shared: int | None = None
        self._folder: Path | None = None
        self._held_folder = ExitStack()
        self._unseen = 0

    def __enter__(self) -> LeapClock:
        if self._shared is not None:
            raise RuntimeError("a clock is opened once")
        self._folder = self._held_folder.enter_context(temporary_folder("clock-", _memory()))
        self._shared = self._functions.pollproof_leap_create(os.fsencode(self._folder / "clock"), self._limit)
        if self._shared is None:
            error = ctypes.get_errno()
            self._held_folder.close()
            raise OSError(error, f"the file of the clock could not be made: {os.strerror(error)}")
        # Threads of the provider may still look at it after it was closed, and while the interpreter ends: the system
        # takes back what is held then.
        weakref.finalize(self, self._functions.pollproof_leap_release, self._shared).atexit = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held_folder.close()
        self._folder = None

    @property
    def file(self) -> Path:
        """The file that the processes under this clock share, in a folder of its own."""
        if self._folder is None:
            raise RuntimeError("the clock is not open: use it in a with statement")
        return self._folder / "clock"

    @property
    def _file(self) -> int:
        if self._shared is None:
            raise RuntimeError("the clock is not open: use it in a with statement")
        return self._shared

    def command(self, words: Sequence[str]) -> list[str]:
        """What is to be started for a client under this clock."""
        return list(words)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a client under this clock: `base`, or this process's own, and what the library needs."""
        file = self.file
        path = self._path
        if not can_be_preloaded(path):
            path = file.with_name(LIBRARY)
            if not path.exists():
                shutil.copyfile(self._path, path)
            if not can_be_preloaded(path):
                raise CannotLeap(f"The clock cannot leap: the loader cannot take the path {path}.")
        environment = dict(os.environ if base is None else base)
        others = environment.get("LD_PRELOAD")
        environment["LD_PRELOAD"] = f"{path}:{others}" if others else str(path)
        environment["POLLPROOF_LEAP_FILE"] = str(file)
        # Node would wait by rings in memory that it shares with the kernel, where no call is to be seen.
        environment["UV_USE_IO_URING"] = "0"
        return environment

    def now(self) -> float:
        """Seconds since an arbitrary moment: what the client reads from CLOCK_MONOTONIC."""
        return float(self._functions.pollproof_leap_now(self._file)) / SECOND

    def leapt(self) -> float:
        """Over how many seconds of the client's waits the clock has leapt so far."""
        return float(self._functions.pollproof_leap_leapt(self._file)) / SECOND

    def sent(self, port: int) -> tuple[float, float]:
        """When the client, at its `port`, sent the request that is being answered, and for how long it had been awake.

        The second counts from the end of the last wait over which the clock leapt, and is infinite without one. What
        the client had to do since then it would have done without any time passing on a machine that is not busy.
        """
        file, functions = self._file, self._functions
        moment = functions.pollproof_leap_sent(file, port)
        if moment == FOREVER:
            self._unseen += 1
            moment = functions.pollproof_leap_now(file)
        target = functions.pollproof_leap_last_target(file)
        return moment / SECOND, (moment - target) / SECOND if 0 < target <= moment else math.inf

    def advance(self, seconds: float) -> None:
        """Move the clock forward at once, whatever the client does: its waits that end by then end now.

        A client that has just sent a request may not have begun to wait yet, and then counts its timeout from after
        the move. To answer late, sleep.
        """
        self._functions.pollproof_leap_advance(self._file, nanoseconds(checked(seconds)))

    @contextmanager
    def held(self) -> Iterator[Hold]:
        """Keep the clock from leaping, as a provider does from a request's first byte to its response's last."""
        file = self._file
        self._functions.pollproof_leap_hold(file, 1)
        try:
            yield Hold(self)
        finally:
            self._functions.pollproof_leap_hold(file, -1)

    def sleep(self, seconds: float, port: int = 0, until: Callable[[], bool] | None = None) -> bool:
        """Sleep in virtual time, among the client's own waits; whether the time has passed.

        `port` is the client's port (the peer's) of a connection that waits for a response: the clock may leap although
        that request is unanswered, and the client's timeouts come first where they are shorter. Seconds may be
        infinite. The sleep ends early when `until`, called every few real milliseconds, is true, and when the clock is
        closed. The clock leaps while a process of the client lives: without one this is real time.

        Not for one who holds the clock, and would let no time pass: see `Hold.sleep`.
        """
        return self._sleep(seconds, port, until, held=0)

    def _sleep(self, seconds: float, port: int, until: Callable[[], bool] | None, held: int) -> bool:
        file, functions = self._file, self._functions
        end = FOREVER
        if seconds != math.inf:
            end = functions.pollproof_leap_now(file) + nanoseconds(checked(seconds))
        appointment = functions.pollproof_leap_appoint(file, end, port)
        if appointment is None:
            raise OSError("too many threads wait on this clock")
        functions.pollproof_leap_hold(file, -held)
        try:
            while not functions.pollproof_leap_await(file, appointment, _LOOK_NANOSECONDS):
                if self._folder is None or (until is not None and until()):
                    return False
        finally:
            # While the appointment stands the clock does not leap over it, so nothing comes in between.
            functions.pollproof_leap_hold(file, held)
            functions.pollproof_leap_dismiss(file, appointment)
        return True

    def has_attached(self, process: int) -> bool:
        """Whether a living process shares the clock, or is about to execute a program that may."""
        return any(self._functions.pollproof_leap_has_attached(self._file, entry) for entry in (process, -process))

    @property
    def leaps(self) -> Leaps:
        """What the clock has seen of its client; also after it was closed."""
        file, functions = self._file, self._functions
        return Leaps(
            attached=functions.pollproof_leap_attached(file),
            count=functions.pollproof_leap_leaps(file),
            seconds=functions.pollproof_leap_leapt(file) / SECOND,
            hindered=functions.pollproof_leap_strangers(file),
            unseen=self._unseen,
        )

    def obstacle(self) -> str:
        """What has kept the clock from leaping for `RESTING` real seconds, as a clause; empty while it leaps."""
        if self._functions.pollproof_leap_since(self._file) < RESTING * SECOND:
            return ""
        kind, number = divmod(self._functions.pollproof_leap_obstacle(self._file), 2**32)
        return OBSTACLES[kind].format(number)


class SupervisedClock(LeapClock):
    """A clock for clients of every kind, static ones and Go too, which are started under the supervisor.

    The supervisor answers the calls by which a program reads clocks and waits (seccomp user notification), and leaps
    where the preload library would. Clients are started by `command(words)`.

    Raises CannotLeap where `supervision_unavailable()` gives a reason.
    """

    def __init__(self, limit: float = math.inf) -> None:
        super().__init__(limit)
        self._supervisor = supervisor()

    def command(self, words: Sequence[str], options: Sequence[str] = ()) -> list[str]:
        """The supervisor, with options of its own, and the command that it starts and ends as."""
        return [str(self._supervisor), "--clock", str(self.file), *options, "--", *words]

    def has_attached(self, process: int) -> bool:
        """Every process of a supervised client shares the clock."""
        return True

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """`base`, or this process's own environment: a supervised client needs nothing in it."""
        return dict(os.environ if base is None else base)


class Hold:
    """A moment in which the clock does not leap: what `LeapClock.held` gives."""

    def __init__(self, clock: LeapClock) -> None:
        self._clock = clock

    def sleep(self, seconds: float, port: int = 0, until: Callable[[], bool] | None = None) -> bool:
        """Let go of the clock, sleep as `LeapClock.sleep` does, and hold the clock again when the time has come.

        Nothing of the client has leapt further when this returns: the way to answer late, or to call back, in time.
        """
        return self._clock._sleep(seconds, port, until, held=1)


def _memory() -> str | None:
    """A folder that is in memory, for the file of a clock; None where the system has no such place."""
    memory = "/dev/shm"
    return memory if os.path.isdir(memory) and os.access(memory, os.W_OK | os.X_OK) else None


def obeys(command: Sequence[str], timeout: float = 10.0, kind: type[LeapClock] = LeapClock) -> bool:
    """Whether a small program that only waits (`sleep 3`) has its waits leapt over: a real run, not a guess.

    A program that is still running after `timeout` real seconds is killed, and does not obey. Raises OSError when it
    cannot be started, CannotLeap where leaping is not possible at all.
    """
    with kind() as clock:
        process = subprocess.Popen(
            clock.command(command),
            env=clock.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
        return clock.leaps.obeyed
