"""Inputs: fuzzed recordings as files, from a seed. The same number and the same dice give the same file."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import yaml

from tests.fuzzing import mutations
from tests.fuzzing.seeds import Seed, seeds
from tests.fuzzing.trees import at, places


class Input(NamedTuple):
    """A file, and how it came about."""

    contract: str
    name: str
    content: bytes
    how: str


WEIGHTS = {"capsolver": 6}
"""How often a contract is taken, where not once: CapSolver's is judged fastest."""


@cache
def dictionary(every: int = 1) -> list[Any]:
    """Values of the seeds, small ones, for splices."""
    found: dict[str, Any] = {}
    for seed in seeds(every):
        for place in places(seed.document):
            value = at(seed.document, place)
            key = json.dumps(value, default=repr)
            if len(key) < 2_000:
                found[key] = value
    return [found[key] for key in sorted(found)]


def inputs(count: int, dice: random.Random, every: int = 1) -> Iterator[Input]:
    """So many inputs, made from one of `every` seeds."""
    known = seeds(every)
    chosen = dice.choices(known, [WEIGHTS.get(seed.contract, 1) for seed in known], k=count)
    for number, seed in enumerate(chosen):
        yield _input(seed, number, dice, dictionary(every))


def _input(seed: Seed, number: int, dice: random.Random, values: list[Any]) -> Input:
    document, how = seed.document, []
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        change = dice.choice([mutations.of_data, mutations.of_body])
        how.append(change.__name__)
        document = change(document, dice, values)
    form = dice.choice([seed.form, seed.form, "json"]) if seed.form != "har" else "har"
    content = written(document, form, dice)
    if not how or dice.random() < 0.35:
        how.append("of_bytes")
        content = mutations.of_bytes(content, dice)
    ending = form
    if dice.random() < 0.1:
        content, ending = gzip.compress(content, 1, mtime=0), f"{form}.gz"
        if dice.random() < 0.5:
            how.append("of gzip")
            content = mutations.of_bytes(content, dice)
    return Input(seed.contract, f"{number}.{ending}", content, f"{seed.form} as {form}: {', '.join(how)}")


def written(document: Any, form: str, dice: random.Random) -> bytes:
    """A document as the bytes of a file; in JSON where YAML has no words for it."""
    if form == "yaml":
        try:
            style = dice.choice([None, None, '"', "'", "|", ">"])
            text = yaml.dump(document, Dumper=yaml.CSafeDumper, default_style=style, allow_unicode=dice.random() < 0.5)
            return text.encode()
        except (yaml.YAMLError, UnicodeError, ValueError):
            pass
    try:
        text = json.dumps(document, ensure_ascii=dice.random() < 0.5, default=_bytes, indent=dice.choice([None, 1]))
    except (RecursionError, ValueError):  # more digits than Python writes
        return b"{}"
    return text.encode("utf-8", "surrogatepass")


def _bytes(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else repr(value)
