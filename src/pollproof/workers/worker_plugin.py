"""The part of a run of pytest that shares jobs out: makes one item of each, and gathers what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RESULT = "pollproof-result"
"""The property of a test report that holds what came of a job."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that names the jobs."""
    parser.addoption("--jobs-of", metavar="FILE", help="JSON file with the jobs that are shared out")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each job, by its number."""
    if "job" in metafunc.fixturenames:
        jobs = json.loads(Path(metafunc.config.getoption("--jobs-of")).read_text(encoding="utf-8"))
        metafunc.parametrize("job", jobs, ids=[str(number) for number in range(len(jobs))])


class Gatherer:
    """Takes what the workers send: the results by the number of the job, and the last words of those that failed."""

    def __init__(self, count: int, done: Any) -> None:
        self.results: list[Any] = [None] * count
        self.failures: list[str] = []
        self._done = done

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        number = int(report.nodeid.rpartition("[")[2].rstrip("]"))
        if report.failed:
            # A worker that died is reported in the same way; its job is done by none.
            self.failures.append((str(report.longrepr).strip().splitlines() or ["no word"])[-1])
        for name, value in report.user_properties if report.when == "call" else ():
            if name == RESULT:
                self.results[number] = json.loads(str(value))
                if self._done is not None:
                    self._done(number, self.results[number])
