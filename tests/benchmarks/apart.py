"""A group is measured in a process of its own, so that it gives the same alone and after others.

What earlier groups leave in memory, the collector of garbage would go through again and again.

    python -m tests.benchmarks.apart GROUP --repeats N [--quick] [--schemathesis COMMAND]

That process writes one JSON value a line: `{"say": TEXT}`, a sample, or what ended it before its time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Sample
from tests.benchmarks.groups import GROUPS, Group
from tests.benchmarks.plan import Plan

ENDING = (0.5, 10.0)
"""Seconds that the process gets to end after the interrupt of a terminal, and after one of ours before it is killed."""

ROOT = Path(__file__).resolve().parents[2]

INTERRUPTED = 3


class Failed(Exception):
    """A group that could not be measured to its end; the text says why, in one line."""


def measure_apart(group: Group, plan: Plan) -> Iterator[Sample]:
    """The samples of a group; raises `Failed`, and ModuleNotFoundError where it needs what is not installed."""
    command = [sys.executable, "-m", __name__, group.name, "--repeats", str(plan.repeats)]
    command += ["--quick"] if plan.quick else []
    command += [] if plan.schemathesis is None else ["--schemathesis", plan.schemathesis]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            ratios = {ratio.words: ratio for ratio in group.ratios}
            for line in process.stdout:
                told = json.loads(line)
                if "say" in told:
                    plan.say(told["say"])
                elif "not_installed" in told:
                    raise ModuleNotFoundError(name=told["not_installed"])
                elif "failed" in told:
                    raise Failed(told["failed"])
                else:
                    yield Sample(ratios[told["ratio"]], told["value"], told["parts"], told["missing"])
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise Failed(f"its process ended with {process.returncode}")


def _end(process: subprocess.Popen[str]) -> None:
    """See that the process ends, which the interrupt of a terminal has reached as well."""
    for seconds, next_signal in zip(ENDING, (signal.SIGINT, signal.SIGKILL), strict=True):
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            process.send_signal(next_signal)


def main() -> int:
    """Be that process."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}")
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--schemathesis")
    asked = parser.parse_args()
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what others print must not come between the lines

    def tell(**value: Any) -> None:
        lines.write(json.dumps(value) + "\n")

    plan = Plan(asked.repeats, asked.quick, lambda text: tell(say=text), asked.schemathesis)
    try:
        for sample in GROUPS[asked.group].measure(plan):
            tell(ratio=sample.ratio.words, value=sample.value, parts=dict(sample.parts), missing=sample.missing)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        tell(not_installed=error.name)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        tell(failed=f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
