"""Figures in words: for a terminal, and as the table of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from tests.benchmarks.document import Document
from tests.benchmarks.figures import Goal

BEGIN, END = "<!-- figures: written by python -m tests.benchmarks --markdown -->", "<!-- end of figures -->"
"""What stands before and after the figures in a page."""

COLUMNS = ("group", "what is compared", "median", "low to high", "goal", "met")


class NoPlace(ValueError):
    """A page without the marks between which figures go."""


def number(value: float) -> str:
    """A ratio with as many digits as say something."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    for least, digits in ((10, 1), (0.1, 2), (0.01, 3)):
        if size >= least:
            return f"{value:.{digits}f}"
    return f"{value:.5f}" if size else "0"


def met(figure: Mapping[str, Any]) -> str:
    """Whether a figure reaches its goal."""
    return {None: "", True: "yes", False: "**no**"}[figure["met"]]


def goal(figure: Mapping[str, Any]) -> str:
    """The goal of a figure, empty where it has none."""
    for name, value in (figure["goal"] or {}).items():
        return str(Goal(value, at_least=name == "at_least"))
    return ""


def lines_of(figure: Mapping[str, Any]) -> Iterator[str]:
    """A figure for a terminal, in the markup of rich: what is compared, the figure, and what it was made of."""
    yield f"  {figure['ratio']}"
    if figure["median"] is None:
        yield f"      [yellow]not measured: {escape(figure['missing'])}[/]"
        return
    told = f"      [bold]{number(figure['median'])}[/]"
    if len(figure["values"]) > 1:
        told += f"  ({number(figure['low'])} to {number(figure['high'])})"
    if figure["goal"] is not None:
        told += f"  goal {goal(figure)}" + {None: "", True: ": [green]met[/]", False: ": [red]MISSED[/]"}[figure["met"]]
    yield told
    if figure["parts"]:
        yield "      [dim]" + ", ".join(f"{name} {value:,.4g}" for name, value in figure["parts"].items()) + "[/]"


def conditions_of(document: Document) -> str:
    """What was measured with, in one line."""
    machine, load = document["machine"], document["load"]
    cores = f"{machine['cores']} core{'s' if machine['cores'] > 1 else ''}"
    told = f"{machine['processor']}, {cores}, {machine['system']}, {machine['python']}"
    if load["before"]:
        told += f", load average {load['before'][0]:g} before"
        told += f" and {load['after'][0]:g} after" if load["after"] else ""
    return told


def markdown_of(document: Document) -> str:
    """The figures as a table, and what they were measured with."""
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    repeats = f"{document['repeats']} repeats" if document["repeats"] > 1 else "one repeat"
    lines = [
        f"Measured on {document['date'][:10]} in {repeats}{', quickly' if document['quick'] else ''}: "
        f"{conditions_of(document)}. With {versions}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    for group in document["groups"]:
        for figure in group["figures"]:
            lines.append("| " + " | ".join([f"`{group['name']}`", figure["ratio"], *_cells(figure)]) + " |")
    return "\n".join(lines) + "\n"


def _cells(figure: Mapping[str, Any]) -> list[str]:
    if figure["median"] is None:
        return ["", f"not measured: {figure['missing']}", goal(figure), ""]
    several = len(figure["values"]) > 1
    spread = f"{number(figure['low'])} to {number(figure['high'])}" if several else "once"
    return [number(figure["median"]), spread, goal(figure), met(figure)]


def put_into(page: str, document: Document) -> str:
    """The page with these figures in the place of its old ones; raises `NoPlace`."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace(f"there is no line '{BEGIN}' with a line '{END}' below it")
    return f"{before}{BEGIN}\n\n{markdown_of(document)}\n{END}{after}"


def rows_of(page: str) -> list[tuple[str, str, str]]:
    """Group, what is compared, and goal of every row of the figures in a page."""
    told = page.partition(BEGIN)[2].partition(END)[0]
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in told.splitlines() if line[:3] == "| `"]
    return [(cells[0].strip("`"), cells[1], cells[4]) for cells in rows]
