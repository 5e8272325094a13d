"""The command: what was asked for, the groups one after the other, and what is printed and written of them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.markup import escape

from pollproof.cli.common import console_for, write_or_exit
from pollproof.text import nearest
from tests.benchmarks.apart import Failed, measure_apart
from tests.benchmarks.document import Document, begun, ended, with_group
from tests.benchmarks.figures import Figure, Sample, figures_of
from tests.benchmarks.groups import GROUPS, Group
from tests.benchmarks.plan import Plan
from tests.benchmarks.progress import Progress
from tests.benchmarks.rival import find_schemathesis
from tests.benchmarks.words import NoPlace, conditions_of, lines_of, markdown_of, put_into

if TYPE_CHECKING:
    from rich.console import Console

REPEATS = 5

DONE, USAGE, INTERRUPTED, FAILED = 0, 2, 3, 4
"""Exit statuses. A goal that is missed is told and ends nothing."""

SCHEMA = Path(__file__).with_name("benchmarks.schema.json")

DESCRIPTION = """\
Measure pollproof, and print ratios: each side of a ratio is measured in the same run, one after the other, several
times; the median counts, and stands beside the lowest, the highest, and the goal. Without a GROUP all are measured,
which takes some ten minutes. Ctrl-C ends it, and what was measured until then is printed and written.
docs/benchmarks.md says what the figures show, and what they do not."""


class _Usage(Exception):
    """What cannot be done as asked; the text is one sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(message)


def main(words: Sequence[str] | None = None) -> int:
    """Do what was asked for; gives the exit status."""
    try:
        asked = arguments(words)
        if asked.list:
            print("\n".join(f"{group.name:<14}{group.compares}" for group in GROUPS.values()))
            return DONE
        if asked.markdown:
            return page(asked.markdown, asked.into)
        return run(asked)
    except _Usage as error:
        print(f"python -m tests.benchmarks: {error} (--help tells what can be asked)", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:  # before anything was measured
        return INTERRUPTED


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for; raises `_Usage`."""
    parser = _Parser(
        prog="python -m tests.benchmarks",
        description=DESCRIPTION,
        epilog="groups:\n" + "\n".join(f"  {group.name:<14}{group.compares}" for group in GROUPS.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="what to measure (all when left out)")
    parser.add_argument("--list", action="store_true", help="list the groups")
    parser.add_argument("--quick", action="store_true", help="small inputs, once: to see that all works, in a minute")
    parser.add_argument("--repeats", type=int, metavar="N", help=f"measurements of most ratios [{REPEATS}, quick 1]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    parser.add_argument(
        "--schemathesis",
        metavar="COMMAND",
        help="the command of Schemathesis (4.32 or later) where it has an environment of its own, such as "
        "~/schemathesis/bin/schemathesis [the one beside this Python, or on the path]",
    )
    parser.add_argument(
        "--markdown",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="measure nothing: print the table of figures that were written with --json; of several files, a later one "
        "replaces the groups of an earlier one",
    )
    parser.add_argument("--into", type=Path, metavar="PAGE", help="with --markdown: put the table into this page")
    asked = parser.parse_args(words)
    for name in asked.groups:
        if name not in GROUPS:
            raise _Usage(f"there is no group '{name}'{nearest(name, list(GROUPS))}")
    if asked.repeats is not None and asked.repeats < 1:
        raise _Usage(f"--repeats takes a number from 1 on, not {asked.repeats}")
    if asked.json is not None and (not asked.json.resolve().parent.is_dir() or asked.json.is_dir()):
        raise _Usage(f"{asked.json} cannot be written: it is a folder, or its folder does not exist")
    if asked.schemathesis is not None and find_schemathesis(asked.schemathesis) is None:
        raise _Usage(f"--schemathesis {asked.schemathesis}: there is no such command")
    if asked.into is not None and not asked.markdown:
        raise _Usage("--into goes with --markdown")
    return asked


# --------------------------------------------------------------------------------------- measuring


def run(asked: argparse.Namespace) -> int:
    """Measure the groups, print each when it is done, and write what there is so far."""
    repeats = asked.repeats or (1 if asked.quick else REPEATS)
    console = console_for(sys.stdout)
    groups = [GROUPS[name] for name in dict.fromkeys(asked.groups)] or list(GROUPS.values())
    status, progress = DONE, Progress(sys.stderr)
    progress.say("looking at what is installed")
    plan = Plan(repeats, asked.quick, progress.say, find_schemathesis(asked.schemathesis))
    document = begun(plan)
    progress.clear()
    tell(console, f"[bold]{escape(conditions_of(document))}[/]")
    if asked.quick:
        tell(console, "Quick: inputs are too small for their figures to be held against the goals.")
    for number, group in enumerate(groups, 1):
        plan = replace(plan, say=_saying(progress, group, number, len(groups)))
        plan.say("begins")
        started = time.perf_counter()
        figures, ending, trouble = measured(group, plan)
        document = with_group(document, group, figures, time.perf_counter() - started)
        progress.clear()
        if trouble:
            print(trouble, file=sys.stderr)
        tell(console, f"\n[bold]{group.name}[/]: {group.compares}")
        for figure in document["groups"][-1]["figures"]:
            for line in lines_of(figure):
                tell(console, line)
        status = max(status, ending)
        _write(asked.json, document)
        if ending == INTERRUPTED:
            tell(console, f"\n[red]Interrupted in {group.name}.[/] What is above was measured until then.")
            break
    _write(asked.json, ended(document, complete=status == DONE))
    return status


def measured(group: Group, plan: Plan) -> tuple[list[Figure], int, str]:
    """The figures of what was measured until the group ended, was interrupted, or failed; its status; its trouble."""
    samples: list[Sample] = []
    reason, status, trouble = "nothing was measured", DONE, ""
    try:
        with given(group.cores):
            for sample in measure_apart(group, plan):
                samples.append(sample)  # noqa: PERF402 (what came before an exception counts)
    except KeyboardInterrupt:
        reason, status = "interrupted", INTERRUPTED
    except ModuleNotFoundError as error:
        reason = f"{error.name} is not installed (pip install -e . --group dev)"
        trouble = f"{group.name} is left out: {reason}"
    except Failed as error:
        reason, status = str(error), FAILED
        trouble = f"{group.name} failed: {reason}"
    try:
        return figures_of(group.ratios, samples, reason), status, trouble
    except ModuleNotFoundError:
        return [], status, trouble


@contextmanager
def given(cores: int) -> Iterator[None]:
    """Bind this process, and all that it starts, to so many cores, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-cores:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _saying(progress: Progress, group: Group, number: int, count: int) -> Callable[[str], None]:
    return lambda text: progress.say(f"{group.name} ({number} of {count} groups): {text}")


def tell(console: Console, text: str) -> None:
    """Print a line that may be as wide as it is."""
    console.print(text, soft_wrap=True)


def _write(file: Path | None, document: Document) -> None:
    if file is not None:
        try:
            write_or_exit(file, json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise _Usage(f"{file}: cannot be written ({error.strerror})") from None


# ----------------------------------------------------------------------------------------- the page


def page(files: Sequence[Path], into: Path | None) -> int:
    """Print the table of these files, or put it into a page; raises `_Usage`."""
    documents = [read(file) for file in files]
    groups = {group["name"]: group for document in documents for group in document["groups"]}
    document = {
        **documents[0],
        "versions": {name: number for document in documents for name, number in document["versions"].items()},
        "groups": [groups[name] for name in GROUPS if name in groups],
    }
    if into is None:
        print(markdown_of(document), end="")
        return DONE
    missing = [name for name in GROUPS if name not in groups]
    if missing:
        raise _Usage(f"{into} is about all groups, and there are no figures of {', '.join(missing)}")
    try:
        write_or_exit(into, put_into(into.read_text(encoding="utf-8"), document))
    except (OSError, NoPlace) as error:
        raise _Usage(f"{into}: {error}") from None
    return DONE


def read(file: Path) -> Document:
    """Figures that were written with --json; raises `_Usage` where a file holds none."""
    from jsonschema import Draft202012Validator

    try:
        document: Document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _Usage(f"{file} cannot be read: {error}") from None
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for wrong in Draft202012Validator(schema).iter_errors(document):
        raise _Usage(f"{file} holds no figures: {wrong.json_path}: {wrong.message[:200]}")
    return document
