"""Run a group of benchmarks: `python -m tests.benchmarks exploring [--repeat N] [--json FILE]`.

It prints ratios and whether each goal is met; it never fails because of one. A group is a module of this folder with
a function `measure(repeat, say)` that returns figures; what its figures show stands in the module's docstring.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib import import_module
from pathlib import Path

from tests.benchmarks.figures import HEADING, Figure

GROUPS = {
    "exploring": "tests.benchmarks.exploring",
    "fuzz": "tests.benchmarks.fuzz",
    "gate_clock": "tests.benchmarks.gate_clock",
    "gate_server": "tests.benchmarks.gate_server",
    "recordings": "tests.benchmarks.recordings",
    "replaying": "tests.benchmarks.replaying",
    "soap": "tests.benchmarks.soap",
}
"""Every group by name, and the module that measures it."""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="+", choices=GROUPS, metavar="GROUP", help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="measurements of each ratio [5]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    return parser.parse_args()


def bind_to_one_core() -> str:
    """Bind this process, and all that it starts, to one core, so that ratios do not depend on how many there are."""
    if not hasattr(os, "sched_setaffinity"):
        return "not bound to one core: this system cannot"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"bound to core {core}"


def main() -> None:
    """Measure, print, write."""
    asked = arguments()
    binding = bind_to_one_core()
    print(f"Python {platform.python_version()}, {asked.repeat} repeats, interleaved, {binding}", flush=True)
    documents: dict[str, list[object]] = {}
    for name in asked.groups:
        module = import_module(GROUPS[name])

        def say(text: str) -> None:
            print(f"... {text}", file=sys.stderr, flush=True)

        figures: list[Figure] = module.measure(max(asked.repeat, 1), say)
        print(f"\n{name}\n{HEADING}")
        for figure in figures:
            print("\n".join(figure.lines()))
        documents[name] = [figure.document() for figure in figures]
    if asked.json is not None:
        asked.json.write_text(json.dumps(documents, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
