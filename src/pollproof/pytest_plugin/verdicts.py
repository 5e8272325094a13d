"""What a verdict is in a pytest run: a failure, a skip or a warning, whose words show no hidden character."""

from __future__ import annotations

from typing import NoReturn

import pytest

from pollproof.text import visible


class ClauseWarning(UserWarning):
    """A clause of level SHOULD is violated."""

    def __init__(self, words: str) -> None:
        super().__init__(visible(words, None))


def fail(words: str) -> NoReturn:
    """Fail the running test with these words alone."""
    __tracebackhide__ = True
    pytest.fail(visible(words, None), pytrace=False)


def skip(words: str) -> NoReturn:
    """Skip the running test with these words as the reason."""
    __tracebackhide__ = True
    pytest.skip(visible(words, None))
