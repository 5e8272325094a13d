"""The decorator that makes a test function the client under test.

Test modules import it, in pytest and in the processes in which their functions run: it imports nothing heavy.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

GIVEN = ("base_url", "api_key", "task", "scenario")
"""What a function is given of a scenario, by the names of its arguments."""

FIXTURE = "pollproof_meeting"
"""The fixture that the decorated function takes from pytest."""

DECLARED = "pollproof_declared"
"""The attribute of a decorated function that holds the options of its decorator."""

UNUSABLE = 97
"""The exit status of a function that could not be called, or that returned what cannot be a solution."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The options of a decorator. `test` is what stands in its place."""

    provider: str
    clock: str
    timeout: float
    budget: float
    scenarios: str | tuple[str, ...] | None
    profile: str
    task: Mapping[str, Any] | None
    strict: bool
    arguments: tuple[str, ...]
    test: Callable[..., Any]


def client(
    provider: str,
    *,
    clock: str = "auto",
    timeout: float = 60.0,
    budget: float = 120.0,
    scenarios: str | Iterable[str] | None = None,
    profile: str = "ci",
    task: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> Callable[[Function], Function]:
    """Make a test function the client under test: pytest then shows one item for each scenario of the contract.

    The function takes what it names of `base_url`, `api_key`, `task` and `scenario`. What it returns is the solution;
    an exception, or None, means that it gave up. Coroutine functions are run with `asyncio.run`. It is called in a
    process of its own for each scenario, without fixtures.

    `provider` is a bundled name or the path of a contract, `clock` one of auto, leap, preload, supervise and real,
    `timeout` the real seconds that one scenario may take, `budget` those of all together where the clock does not
    leap. `scenarios` are the names of some, or an expression as for `pytest -k`; without them the `profile` ci leaves
    out most of those that differ in a word alone, and deep none. `task` is the one to create, where the sample of the
    contract does not suit the client. With `strict` a violated SHOULD fails too.
    """
    if callable(provider):
        raise TypeError('client needs the provider: @client("PROVIDER")')
    from pollproof.gate.clocks import CLOCKS

    if clock not in CLOCKS:
        raise ValueError(f"unknown clock {clock!r}; expected one of {', '.join(CLOCKS)}")
    if profile not in ("ci", "deep"):
        raise ValueError(f"unknown profile {profile!r}; expected ci or deep")
    if task is not None and not isinstance(task, Mapping):
        raise TypeError(f"the task is a dict, not {task!r}")
    chosen = scenarios if scenarios is None or isinstance(scenarios, str) else tuple(scenarios)

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def test(*positional: Any, **named: Any) -> Any:
            meeting = named.pop(FIXTURE, None)
            if meeting is not None:
                return meeting.judge(named)
            try:
                called = inspect.signature(function).bind(*positional, **named)
            except TypeError:
                words = "pytest lets it meet the scenarios, which it cannot do in classes of unittest"
                raise TypeError(f"{function.__qualname__} is a client: {words}") from None
            return function(*called.args, **called.kwargs)

        names = arguments_of(function)
        kept = [name for name in names if name == "self" or name not in GIVEN]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(name, kind) for name in (*kept, FIXTURE)])
        taken = tuple(name for name in names if name != "self")
        declared = ClientOptions(str(provider), clock, timeout, budget, chosen, profile, task, strict, taken, test)
        vars(test).update({"__signature__": signature, DECLARED: declared})
        return test  # type: ignore[return-value]

    return decorate


def arguments_of(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that a function must be given, and of those that it can be given of a scenario."""
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in fixed and (name in GIVEN or parameter.default is inspect.Parameter.empty)
    ]
