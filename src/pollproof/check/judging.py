"""Judging recordings: the same monitor as everywhere, over files, in memory that does not grow with them."""

from __future__ import annotations

import gc
import shlex
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

from pollproof.check.explaining import REMEMBERED_TASKS, clock_of, name_files, notes, reason
from pollproof.contract.model import Clause, Contract, Role
from pollproof.monitor.ledger import Evidence, Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.recordings.entry import Recorded
from pollproof.recordings.errors import RecordingError
from pollproof.recordings.files import Recording, shown
from pollproof.recordings.keys import HASHED
from pollproof.recordings.order import OutOfOrder, by_time, nearly_sorted
from pollproof.recordings.reading import NoRecording, exchanges
from pollproof.recordings.remote import Remote
from pollproof.recordings.tally import Tally
from pollproof.runs.reproduce import provider_argument
from pollproof.runs.result import FileProgress, Idle, RunResult
from pollproof.runs.spec import RunSpec
from pollproof.secrets.find import in_exchanges
from pollproof.secrets.redact import Redactor
from pollproof.tasks.ages import solving_times
from pollproof.tasks.repeated import Stall
from pollproof.trace.exchange import Exchange, Slice
from pollproof.trace.reader import reader_of

MAXIMUM_EVIDENCE = 200
"""Exchanges that show one violation; of a task that was polled a million times, the first and the last are shown."""

PROGRESS_EVERY = 2_000
"""Exchanges between two reports of progress."""


@dataclass(frozen=True, slots=True)
class CheckSpec(RunSpec):
    """Recordings that are judged: the files as they were named, and how they are read (see `check`)."""

    files: tuple[str, ...] = ()
    base_url: str | None = None
    together: bool = False
    whole: bool = False
    keys: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        return "check"

    @property
    def target(self) -> str:
        return ", ".join(self.files)

    def secrets(self) -> set[str]:
        return {key for key in self.keys if not key.startswith(HASHED)}  # those in the traffic are found there

    def command(self) -> str:
        words = ["pollproof", "check", provider_argument(self.provider or self.contract.name), *self.files]
        flags = {"together": self.together, "whole": self.whole, "strict": self.policy.strict}
        words += [f"--{flag}" for flag, given in flags.items() if given]
        command = shlex.join([*words, *([] if self.base_url is None else ["--base-url", self.base_url])])
        for key in self.keys:  # the shell of whoever pastes the command fills in what is not a hash
            command += f" --api-key {key}" if key.startswith(HASHED) else ' --api-key "$POLLPROOF_API_KEY"'
        return command


@dataclass(slots=True)
class Recordings:
    """What is known of the recordings that were judged.

    `unread` are the files that could not be read, of which nothing is said, `ignored` files of folders that are not
    recordings. `roles` counts the exchanges by what their operation does, `orphans` the polls of tasks whose creation
    is not in the recording.
    """

    contract: Contract
    tally: Tally = field(default_factory=Tally)
    files: list[str] = field(default_factory=list)
    unread: list[RecordingError] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    roles: Counter[Role] = field(default_factory=Counter)
    orphans: int = 0

    def figures(self) -> dict[str, Any]:
        """What a report says of the recordings."""
        tally = self.tally
        return {
            "files": self.files,
            "ignored": self.ignored,
            "unread": [str(error) for error in self.unread],
            "entries": tally.entries,
            "judged": tally.matched,
            "base_urls": dict(tally.bases),
            "other_hosts": dict(tally.elsewhere),
            "other_paths": dict(tally.unknown),
            "not_recorded": dict(tally.unrecorded),
            "times": dict(tally.times),
            "roles": {role.value: count for role, count in self.roles.items()},
            "polls_without_creation": self.orphans,
            "requests_without_key": tally.keyless,
            "requests_refused_for_key": tally.refused_keys,
            "responses": tally.responses,
            "bodies_not_recorded": dict(tally.lost),
            "bodies_mended": dict(tally.mended),
            "unusable_times": dict(tally.untimed),
            "repeated": tally.repeated,
            "out_of_order": tally.backward,
            "clock_differs": tally.skewed,
            "without_duration": tally.untold,
        }

    def sections(self, redactor: Redactor) -> dict[str, Any]:
        figures = self.figures()
        words = {"target": name_files(self.files), "clock": clock_of(figures["times"]), "recordings": figures}
        return {"exchanges": self.tally.matched, **{name: redactor.value(value) for name, value in words.items()}}

    def idle(self, clause: Clause) -> Idle | None:
        return Idle(reason(clause, self.contract, self.figures()), "unrecorded")

    def evidence_of(self, clause: str) -> dict[str, Any]:
        return {}

    def notes(self) -> list[str]:
        return notes(self.contract, self.figures())

    def beside(self) -> Ledger | None:
        return None

    def explain_beside(self, clause: dict[str, Any]) -> dict[str, Any]:
        return clause

    def error(self) -> str | None:
        return "; ".join(map(str, self.unread)) or None


Checking = RunResult[CheckSpec, Recordings]
"""The result of judging recordings."""


def begin_checking(spec: CheckSpec | Contract) -> Checking:
    """The result of judging before anything was read: every clause, none exercised."""
    spec = CheckSpec(spec) if isinstance(spec, Contract) else spec
    return RunResult(spec, Ledger(clauses_of(spec.contract)), Recordings(spec.contract))


class How(TypedDict, total=False):
    """How recordings are read, as `CheckSpec` has it.

    `base_url` names the one implementation that is judged; with `together` all files are one trace; `whole` says that
    the recordings hold all traffic of the client; `keys` are those of the account, or their hashes (`sha256:...`).
    """

    base_url: str | None
    together: bool
    whole: bool
    keys: tuple[str, ...]


def check(
    contract: Contract,
    paths: Sequence[Recording],
    *,
    named: frozenset[Recording] = frozenset(),
    progress: FileProgress | None = None,
    result: Checking | None = None,
    **how: Unpack[How],
) -> Checking:
    """Judge recordings: each file is a trace of its own, or with `together` all are one.

    `named` are the paths that people named themselves: of these, one that is not a recording is an error. An
    interruption leaves what was judged so far. `result` is a `begin_checking` that somebody watches while it grows; its
    spec says how recordings are read, in the place of `how`.
    """
    started = time.monotonic()
    result = begin_checking(CheckSpec(contract, **how)) if result is None else result
    clauses = clauses_of(contract)
    monitor = Monitor(reader_of(contract), clauses, remember=REMEMBERED_TASKS)
    judge = _Judge(result, monitor, progress)
    try:
        with rare_collections():
            for group in [list(paths)] if result.spec.together else [[path] for path in paths]:
                try:
                    judge.judge(group)
                    result.detail.files += [shown(path) for path in group]
                except NoRecording as error:
                    if len(group) == 1 and group[0] not in named:
                        result.detail.ignored.append(shown(group[0]))
                    else:
                        result.detail.unread.append(error)
                except RecordingError as error:
                    result.detail.unread.append(error)
    except KeyboardInterrupt:
        result.complete = False
    result.seconds = time.monotonic() - started
    return result


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for cycles of garbage seldom: judging makes none, and looking costs more the more is in mind.

    Measured on a HAR file of 10,000 exchanges: 121 us for each, and 88 us so; of 1,000, 101 us and 95 us.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


Order = Callable[[Iterable[Recorded]], Iterator[Recorded]]


class _Judge:
    """Judges one group of files after the other; what a file says counts once it was read to its end."""

    def __init__(self, result: Checking, monitor: Monitor, progress: FileProgress | None) -> None:
        self._result = result
        self._monitor = monitor
        self._progress = progress
        self._judged = 0

    def judge(self, paths: list[Recording]) -> None:
        """Judge files as one trace. Raises `RecordingError`, and then nothing of them counts."""
        paths = [self._watched(path) for path in paths]
        try:
            self._run(paths, nearly_sorted)
        except OutOfOrder:  # or one that was in order when it was read first, and is not any more
            self._run(paths, by_time)

    def _watched(self, path: Recording) -> Recording:
        """The same, with progress while bytes come: a server may send few, and no exchange for long."""
        progress = self._progress
        if progress is None or not isinstance(path, Remote):
            return path
        return replace(path, watch=lambda size: progress(f"{shown(path)} ({size:,} bytes)", self._judged))

    def _stream(self, paths: list[Recording], order: Order, tally: Tally) -> Iterator[Recorded]:
        spec = self._result.spec
        return order(exchanges(paths, spec.contract, tally, spec.base_url, keys=spec.keys))

    def _numbered(self, paths: list[Recording], order: Order, tally: Tally) -> Iterator[tuple[int, Recorded, bool]]:
        for number, recorded in enumerate(self._stream(paths, order, tally)):
            yield number, recorded, True
            if self._progress is not None and (self._judged + number) % PROGRESS_EVERY == 0:
                self._progress(recorded.file, self._judged + number)

    def _run(self, paths: list[Recording], order: Order) -> None:
        monitor, result = self._monitor, self._result
        monitor.reset()
        monitor.ledger.clear()
        tally = Tally()
        observer = Observer(monitor, result.spec)
        observer.observe_all(self._numbered(paths, order, tally), complete=lambda: not tally.unrecorded)
        if monitor.ledger.violations:
            self._show(paths, order)
        self._judged += tally.matched
        add(result, monitor.ledger, tally, observer.summary())

    def _show(self, paths: list[Recording], order: Order) -> None:
        """Read the files a second time for the exchanges that show what is violated: the monitor keeps none."""
        broken = [entry for entry in self._monitor.ledger.entries.values() if entry.evidence is not None]
        chosen = {entry.clause.id: ends(entry.evidence.trace.numbers) for entry in broken if entry.evidence}
        wanted = {number for numbers in chosen.values() for number in numbers}
        found: dict[int, Recorded] = {}
        for number, recorded in enumerate(self._stream(paths, order, Tally())):
            if number in wanted:
                found[number] = recorded
                if len(found) == len(wanted):
                    break
        if len(found) < len(wanted):
            raise RecordingError(shown(paths[0]), "", "was changed while it was read")
        for entry in broken:
            assert entry.evidence is not None
            entry.evidence = illustrated(entry.evidence, chosen[entry.clause.id], found)


@dataclass(slots=True)
class TraceSummary:
    """What a trace shows beside its ledger (see `Recordings`), in a form that travels between processes."""

    roles: Counter[Role] = field(default_factory=Counter)
    orphans: int = 0
    solving: list[tuple[float, float]] = field(default_factory=list)


class Observer:
    """Gives the exchanges of one recorded trace to a monitor, here as on a cluster.

    An id that nobody gave may be foreign only where the trace is whole: where nothing of it was lost or forgotten.
    `endless` are the stalls without end of exchanges about a task, by number.
    """

    def __init__(self, monitor: Monitor, spec: CheckSpec) -> None:
        self._monitor = monitor
        self._whole = spec.whole
        self._probes = {None, *spec.contract.probe_names}
        self._summary = TraceSummary()
        self.endless: dict[int, Stall] = {}

    def observe_all(self, items: Iterable[tuple[int, Recorded, bool]], *, complete: Callable[[], bool]) -> None:
        """Judge exchanges, each with its number and whether it is judged or only taken in.

        `complete` tells whether all requests so far were recorded. Raises `RecordingError`.
        """
        account = self._monitor.account
        for event in self._monitor.observe_numbered(self._exchanges(items, complete)):
            if len(account.tasks) >= REMEMBERED_TASKS:
                account.whole = False  # an id that nobody gave may be one that was forgotten
            if event is None:
                continue
            role = event.operation.role
            self._summary.roles[role] += 1
            if event.task is not None and (stall := account.endless(event)) is not None:
                self.endless[event.number] = stall
            if role is Role.POLL and event.task in account.tasks and account.tasks[event.task].created is None:
                self._summary.orphans += 1

    def _exchanges(
        self, items: Iterable[tuple[int, Recorded, bool]], complete: Callable[[], bool]
    ) -> Iterator[tuple[int, Exchange, bool]]:
        account = self._monitor.account
        for place, (number, recorded, judged) in enumerate(items):
            if place == 0:
                account.whole = self._whole or recorded.whole
                account.decides = self._whole
            check_probe(recorded, self._probes)
            yield number, recorded.exchange, judged
            if not recorded.exchange.recorded or not complete():
                account.whole = False  # a creation may be among what was not recorded

    def summary(self) -> TraceSummary:
        """What was counted."""
        self._summary.solving = solving_times(self._monitor.account.tasks.values())
        return self._summary


def check_probe(recorded: Recorded, known: Collection[str | None]) -> None:
    """Raise `RecordingError` for an exchange with a probe that the contract does not have."""
    if recorded.exchange.probe not in known:
        problem = f"the probe {recorded.exchange.probe!r:.40} is none of the contract"
        raise RecordingError(recorded.file, f"interaction {recorded.number}", problem)


def add(result: Checking, ledger: Ledger, tally: Tally, summary: TraceSummary) -> None:
    """Add what one trace said to the result of a run."""
    result.ledger.absorb(ledger)
    result.keys |= keys_in(ledger, result.spec.contract)
    result.detail.tally.add(tally)
    result.detail.roles.update(summary.roles)
    result.detail.orphans += summary.orphans
    result.solving += summary.solving


def illustrated(evidence: Evidence, numbers: tuple[int, ...], found: Mapping[int, Recorded]) -> Evidence:
    """Evidence that was numbers alone, with the exchanges of these numbers and where they stand."""
    seen = [found[number] for number in numbers]
    places = tuple(f"{each.file}, entry {each.number}" for each in seen)
    return Evidence(evidence.violation, Slice(numbers, tuple(each.exchange for each in seen), places))


def keys_in(ledger: Ledger, contract: Contract) -> set[str]:
    """The keys in the exchanges that will be shown: a recording of somebody else's may hold real ones."""
    shown = (entry.evidence.trace.exchanges for entry in ledger.entries.values() if entry.evidence is not None)
    return in_exchanges(contract, (exchange for exchanges in shown for exchange in exchanges))


def ends(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of a trace, without its middle where it is long."""
    if len(numbers) <= MAXIMUM_EVIDENCE:
        return numbers
    return numbers[: MAXIMUM_EVIDENCE // 2] + numbers[-MAXIMUM_EVIDENCE // 2 :]
