"""The tests see nothing that a CI system, a terminal or a user's shell has set to change what commands do."""

import gc
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.commands import end_server

settings.register_profile("tests", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("tests")

FOREIGN = (
    "BUILD_NUMBER",
    "CI",
    "COLUMNS",
    "FORCE_COLOR",
    "LINES",
    "NO_COLOR",
    "PYTEST_ADDOPTS",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONWARNINGS",
    "PY_COLORS",
)
"""pytest alone writes whole messages in its summary where CI or BUILD_NUMBER is set, and shortened ones elsewhere.

Without bytecode every command that the tests start would compile all of the suite anew, for seconds each.
"""


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in FOREIGN:
            patch.delenv(name, raising=False)
        # A shell that starts the tests in the background has SIGINT ignored, and so would every command they start.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        end_server()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files stay together, and a worker that is done takes what another has left: none is idle at the end."""
    if config.getoption("dist") != "load":  # another way was asked for
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


FAST = (
    "check/test_first_polls",
    "clauses/",
    "export/",
    "http/test_listening",
    "http/test_requests",
    "http/test_target_routes",
    "loading/test_documents",
    "loading/test_extends",
    "loading/test_identifiers",
    "loading/test_own_limits",
    "monitor/test_concurrency",
    "monitor/test_coverage",
    "monitor/test_monitor",
    "recordings/test_lines",
    "report/test_connections",
    "report/test_failures",
    "report/test_traceability",
    "runs/",
    "scaffold/test_openapi_lint",
    "trace/",
)
"""The pure parts, which take less than half a minute together: files, or folders of them."""


@cache
def _is_fast(path: Path) -> bool:
    home = Path(__file__).parent
    return path.is_relative_to(home) and str(path.relative_to(home)).startswith(FAST)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected lives to the end: the collector of garbage does not look through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out whole files of which `pytest -m fast` would run nothing."""
    others = config.getoption("markexpr") == "fast" and collection_path.suffix == ".py"
    return True if others and not _is_fast(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what belongs to the fast lane: `pytest -m fast`."""
    for item in items:
        if _is_fast(item.path):
            item.add_marker("fast")
