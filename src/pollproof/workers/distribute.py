"""Sharing jobs out: a run of pytest with pytest-xdist does them, in as many processes as are requested."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pollproof.errors import RunError
from pollproof.processes.watchdog_client import temporary_folder
from pollproof.text import shorten

if TYPE_CHECKING:
    from pollproof.runs.outcome import Document

Job = tuple[str, Mapping[str, Any]]
"""The name of a job in `jobs.JOBS`, and its arguments as JSON has them."""

Done = Callable[[int, "Document"], None]
"""Told the number of a job that is done, and what came of it."""

AUTOLOAD = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
"""The plugins of the environment are none of the suite's business, and loading them costs seconds."""


class WorkersError(RunError):
    """Workers cannot be had, or could not do their jobs; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What came of the jobs, in their order: None for one that no worker ended; `failures` are the reasons."""

    results: list[Document | None]
    failures: list[str]


def count_of(text: str) -> str:
    """A number of workers as pytest-xdist takes it; raises `WorkersError`."""
    if text in ("auto", "logical") or (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= 1000):
        return text
    raise WorkersError(f"-n {shorten(text, 40)}: expected a number of worker processes, or auto")


def spread(jobs: Sequence[Job], workers: str, done: Done | None = None) -> Spread:
    """Do the jobs in worker processes. Raises `KeyboardInterrupt`, and `WorkersError` where pytest itself fails."""
    import pytest

    from pollproof.workers import items
    from pollproof.workers.worker_plugin import Gatherer

    gatherer = Gatherer(len(jobs), done)
    with (
        temporary_folder() as folder,
        without_foreign_plugins(),
        open(os.devnull, "w") as sink,
    ):
        file = folder / "jobs.json"
        file.write_text(json.dumps(jobs), encoding="utf-8")
        (settings := folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        arguments = [items.__file__, "-c", str(settings), "--rootdir", str(Path(items.__file__).parent)]
        arguments += ["--import-mode=importlib", "-q", "--no-header", "--no-summary", "--tb=line"]
        arguments += ["-p", "no:cacheprovider", "-p", "pollproof.workers.worker_plugin", "--jobs-of", str(file)]
        arguments += ["-p", "xdist.plugin", "-n", workers, "--dist", "load", "--maxschedchunk", "1"]
        with contextlib.redirect_stdout(sink):
            status = pytest.main(arguments, plugins=[gatherer])
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise WorkersError(f"the workers could not be started (pytest ended with {int(status)})")
    return Spread(gatherer.results, gatherer.failures)


@contextlib.contextmanager
def without_foreign_plugins() -> Iterator[None]:
    """Run pytest without the plugins of the environment: loading them costs seconds, and none is ours."""
    before = os.environ.get(AUTOLOAD)
    os.environ[AUTOLOAD] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[AUTOLOAD]
        else:
            os.environ[AUTOLOAD] = before
