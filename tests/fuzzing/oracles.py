"""Oracles: what must be true of the judgement of any file, and of two files that say the same."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path

from pollproof.check.judging import Checking, check
from pollproof.contract.model import Contract
from pollproof.report.document import build_document
from pollproof.report.html import html_of
from pollproof.report.junit import junit_of
from pollproof.report.markdown import render_markdown
from pollproof.report.sarif import sarif_of
from tests import tapes
from tests.fuzzing import mutations
from tests.fuzzing.hostile import json_of, yaml_of
from tests.fuzzing.inputs import Input
from tests.fuzzing.seeds import conversation

SECONDS = 2.0
"""Processor seconds that one small file may take."""

VALUES = [*mutations.NUMBERS[:10], *mutations.TEXTS, [], {}, [{}], {"a": [1]}]
"""What stands in place of others in the bodies of conversations."""

Verdicts = dict[str, tuple[str, int, int]]


class Broken(AssertionError):
    """A file of which something is not as it must be."""


def verdicts(checking: Checking) -> Verdicts:
    return {
        name: (entry.verdict.value, entry.exercised, entry.violations)
        for name, entry in checking.ledger.entries.items()
    }


def expect(condition: object, problem: str) -> None:
    if not condition:
        raise Broken(problem)


def judged(contract: Contract, path: Path) -> tuple[Checking, float]:
    """The judgement of one file, and processor seconds. Raises `Broken` for what must never be."""
    started = time.process_time()
    try:
        found = check(contract, [path], named=frozenset([path]))
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error!s:.200}") from error
    seconds = time.process_time() - started
    expect(seconds < SECONDS, f"took {seconds:.1f} s")
    tally, ledger = found.detail.tally, found.ledger
    expect(len(found.detail.unread) + len(found.detail.files) == 1, "neither read nor refused")
    for entry in ledger.entries.values():
        expect(entry.exercised <= tally.matched <= tally.entries, f"{entry.clause.id} held more often than possible")
        expect(entry.violations <= tally.matched, f"{entry.clause.id} violated more often than possible")
    for error in found.detail.unread:
        expect(str(error).isprintable() and len(str(error)) < 400, f"no sentence: {error}")
        expect(tally.entries == 0 and not any(entry.exercised for entry in ledger.entries.values()), "counts")
    return found, seconds


def judge(contract: Contract, one: Input, folder: Path, *, report: bool) -> tuple[str, float]:
    """What came of an input in one word, and seconds; with `report` the reports are written too."""
    path = folder / one.name
    path.write_bytes(one.content)
    found, seconds = judged(contract, path)
    if report:
        document = build_document(found)
        try:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
            for view in (html_of, junit_of, render_markdown, sarif_of):
                view([document]).encode("utf-8")
        except Exception as error:
            raise Broken(f"no report: {type(error).__name__}: {error!s:.200}") from error
    path.unlink()
    if found.detail.unread:
        return "refused", seconds
    return ("violated" if found.ledger.violations else "judged" if found.detail.tally.matched else "foreign"), seconds


def same(contract: Contract, folder: Path, dice: random.Random) -> int:
    """Say one conversation with CapSolver in several ways, and expect the same verdicts; how many files that were."""
    said = conversation(dice)
    for _ in range(dice.choice([0, 1, 3])):
        number = dice.randrange(len(said))
        part = dice.choice(["asked", "told"])
        text = mutations.body(tapes.text_of(getattr(said[number], part)), dice, VALUES)
        if text.strip() and "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
            said[number] = said[number]._replace(**{part: text})
    return _timeless(contract, folder, said) + _timed(contract, folder, said, dice)


def _timeless(contract: Contract, folder: Path, said: list[tapes.Said]) -> int:
    """All formats of a recording without times, and a HAR file whose times are Date headers."""
    for dated in (True, False):
        cassette, har = tapes.cassette(said, dated=dated), tapes.har(said)
        for entry, interaction in zip(har["log"]["entries"], cassette["interactions"], strict=True):
            del entry["startedDateTime"]
            if dated:
                date = interaction["response"]["headers"]["Date"][0]
                entry["response"]["headers"].append({"name": "Date", "value": date})
        files = [
            ("t.json", json_of(cassette)),
            ("t.yaml", yaml_of(cassette)),
            ("t.har", json_of(har)),
            ("t.yaml.gz", gzip.compress(yaml_of(cassette), 1)),
        ]
        _expect_same(contract, folder, files, f"formats, dated: {dated}")
    return 8


def _timed(contract: Contract, folder: Path, said: list[tapes.Said], dice: random.Random) -> int:
    """A recording with times in order, in any other, and with traffic of others in between."""
    said = [one._replace(at=one.at + number * 0.001) for number, one in enumerate(said)]
    shuffled = dice.sample(said, len(said))
    mixed = list(shuffled)
    for number in range(dice.randint(1, 9)):
        foreign = tapes.Said(dice.uniform(0, 500), "/createTask", "{}", "{", base=f"https://shop{number}.example.de")
        mixed.insert(dice.randrange(len(mixed) + 1), foreign)
    files = [
        (name, json_of(tapes.har(some))) for name, some in (("a.har", said), ("b.har", shuffled), ("c.har", mixed))
    ]
    _expect_same(contract, folder, files, "in order, shuffled, with foreign traffic")
    return 3


def _expect_same(contract: Contract, folder: Path, files: list[tuple[str, bytes]], what: str) -> None:
    first: Verdicts | None = None
    for name, content in files:
        path = folder / name
        path.write_bytes(content)
        found, _ = judged(contract, path)
        expect(not found.detail.unread, f"{what}: {found.detail.unread}")
        told = verdicts(found)
        first = told if first is None else first
        differing = {key: (first[key], told[key]) for key in told if told[key] != first[key]}
        expect(not differing, f"{what}, {name}: {differing}")
