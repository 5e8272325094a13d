"""The tests see no variable that a CI system, a terminal or a user's shell has set to change what commands print."""

from collections.abc import Iterator

import pytest

FOREIGN = (
    "BUILD_NUMBER",
    "CI",
    "COLUMNS",
    "FORCE_COLOR",
    "LINES",
    "NO_COLOR",
    "PYTEST_ADDOPTS",
    "PYTHONWARNINGS",
    "PY_COLORS",
)
"""pytest alone writes whole messages in its summary where CI or BUILD_NUMBER is set, and shortened ones elsewhere."""


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in FOREIGN:
            patch.delenv(name, raising=False)
        yield
