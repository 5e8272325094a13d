"""Judge recordings in a process of its own and tell, for each, what came of it, the seconds, and the peak of memory.

`python -m tests.fuzzing.measured CONTRACT FILE...` writes one line of JSON for each file.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.servers import ROOT, clean_environment


class Measured(NamedTuple):
    """What came of one file or folder. `grown` is by how many MiB `peak`, the most memory, was above what was before.

    `seconds` are of the processor.
    """

    unread: list[str]
    matched: int
    violated: list[str]
    seconds: float
    grown: float
    peak: float


def peak() -> float:
    """The most memory that this process has had resident since it began or since `forget_peak`, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # which, unlike getrusage, knows nothing of the process that started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 if sys.platform != "darwin" else most / 1024 / 1024


def forget_peak() -> None:
    """Begin anew with the peak of memory, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measured(contract: str, files: Sequence[Path], timeout: float) -> dict[str, Measured]:
    """Each file by name; raises where the process dies or takes too long."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing.measured", contract, *map(str, files)],
        stdout=subprocess.PIPE,
        timeout=timeout,
        env=clean_environment(),
        cwd=ROOT,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return {os.path.basename(name): Measured(*values) for name, *values in lines}


def main() -> None:
    from pollproof.check.judging import check
    from pollproof.loading import load_contract
    from pollproof.recordings.files import find_recordings

    contract = load_contract(sys.argv[1])
    for name in sys.argv[2:]:
        path = Path(name)
        forget_peak()
        before = peak()
        started = time.process_time()
        result = check(contract, find_recordings([name]), named=frozenset([path]))
        seconds = time.process_time() - started
        violated = [entry.clause.id for entry in result.ledger.violated()]
        unread = [str(error) for error in result.detail.unread]
        print(
            json.dumps([name, unread, result.detail.tally.matched, violated, seconds, peak() - before, peak()]),
            flush=True,
        )


if __name__ == "__main__":
    main()
