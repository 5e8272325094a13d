"""The tests see nothing that a CI system, a terminal or a user's shell has set to change what commands do."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import end_server

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
    "http/test_requests",
    "http/test_listening",
    "loading/test_identifiers",
    "trace/test_numbers",
    "trace/test_shapes",
)
"""The pure parts, which take less than half a minute together: files, or folders of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what belongs to the fast lane: `pytest -m fast`."""
    home = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(home) and str(item.path.relative_to(home)).startswith(FAST):
            item.add_marker("fast")
