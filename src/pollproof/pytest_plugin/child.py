"""The process in which a test function is the client: python -m pollproof.pytest_plugin.child FILE FUNCTION [SETUP].

It imports FILE as pytest has done, calls FUNCTION with what the environment has of the scenario, and prints what it
returns, and nothing else: what the function prints goes to standard error. SETUP is JSON: the `module` as which pytest
has imported the file, the `path` of modules, and `arguments` that tests are parametrized with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from pollproof.gate import decorator
from pollproof.gate.decorator import UNUSABLE
from pollproof.pytest_plugin import importing

GAVE_UP = 1
"""The exit status of a function that gave up."""

_ABOVE = ("__main__", "pollproof", "asyncio", "importlib")
"""The packages whose frames stand above the function in a traceback."""


class Unusable(Exception):
    """The function cannot be judged; the message is for people."""


def main(words: list[str]) -> int:
    """Call the function, print what it returns, and give the exit status."""
    file, name = words[:2]
    setup = json.loads(words[2]) if len(words) > 2 else {}
    solution = _reserved_output()
    sys.argv = [file]
    sys.path[:] = setup.get("path") or [os.path.dirname(os.path.abspath(file)), *sys.path]
    try:
        known = {**_given(), **setup.get("arguments", {})}
        function = _find(Path(file).absolute(), setup.get("module") or Path(file).stem, name)
        try:
            result = _call(function, known)
        except BaseException as error:
            _print_error(error)
            if isinstance(error, SystemExit):
                print(f"{name} ended its process, which is taken as giving up: return the solution, or raise an error")
            return GAVE_UP
        if result is None:
            print(f"{name} returned None, which is taken as giving up: return the solution, or raise an error")
            return GAVE_UP
        text = _text(result, name)
    except Unusable as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    finally:
        with contextlib.suppress(ValueError):  # the function may have closed it
            sys.stdout.flush()
    with open(solution, "wb") as stream:
        stream.write(text.encode("utf-8", "backslashreplace") + b"\n")
    return 0


def _reserved_output() -> int:
    """A descriptor of standard output for what the function returns; all that it prints goes to standard error."""
    reserved = os.dup(1)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    return reserved


def _given() -> dict[str, Any]:
    """What the environment has of the scenario."""
    try:
        return {
            "base_url": os.environ["POLLPROOF_BASE_URL"],
            "api_key": os.environ["POLLPROOF_API_KEY"],
            "task": json.loads(os.environ["POLLPROOF_TASK"]),
            "scenario": os.environ.get("POLLPROOF_SCENARIO", ""),
        }
    except KeyError as missing:
        raise Unusable(f"the environment has no {missing.args[0]}") from None


def _find(file: Path, module: str, name: str) -> Callable[..., Any]:
    """The function; a method is one of a new object of its class."""
    *classes, last = name.split(".")
    try:
        owner: Any = importing.load(file, module)
        for each in classes:
            owner = getattr(owner, each)
        found: Callable[..., Any] = getattr(owner() if isinstance(owner, type) else owner, last)
    except BaseException as error:
        _print_error(error)
        raise Unusable(f"{name} of {file} could not be had in a process of its own, where it is called") from None
    return found


def _call(function: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Call the function with what it names; what is to be awaited is awaited."""
    names = decorator.arguments_of(getattr(function, "__wrapped__", function))
    result = function(**{name: known[name] for name in names if name in known})
    if not inspect.isawaitable(result):
        return result
    import asyncio

    async def awaited() -> Any:
        return await result

    return asyncio.run(awaited())


def _print_error(error: BaseException) -> None:
    """Print an error with its traceback, from the function on."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _ABOVE:
        part = part.tb_next
    traceback.print_exception(type(error), error, part)


def _text(result: Any, name: str) -> str:
    """What a function returned, as text."""
    if isinstance(result, str):
        return result
    try:
        return _plain(result) if isinstance(result, bytes) else json.dumps(result, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unusable(
            f"{name} returned what is neither text nor a value like those of JSON ({error}): return the solution alone"
        ) from None


def _plain(value: Any) -> Any:
    """A value in place of one that JSON does not have."""
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    raise TypeError(f"an object of type {type(value).__name__}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
