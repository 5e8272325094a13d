"""Expressions as of `pytest -k`, over names of any sort."""

from __future__ import annotations

from collections.abc import Iterable

from pollproof.errors import InputError


class ExpressionError(InputError):
    """An expression that cannot be read; the message is one sentence."""


def matching(names: Iterable[str], expression: str) -> list[str]:
    """The names that an expression such as `client and not wait` means, in their order; raises `ExpressionError`."""
    from _pytest.mark.expression import Expression

    try:
        compiled = Expression.compile(expression)
        return [name for name in names if compiled.evaluate(_Contains(name))]
    except Exception as error:  # the parser raises errors of its own, and SyntaxError in newer versions
        raise ExpressionError(f"'{expression}' is not an expression ({error})") from None


class _Contains:
    """Tells an expression whether a word is part of a name."""

    def __init__(self, name: str) -> None:
        self._name = name.lower()

    def __call__(self, word: str, /, **_: object) -> bool:
        return word.lower() in self._name
