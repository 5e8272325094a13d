"""Every fault is found by a default run over HTTP, and every lawful variant passes: the whole matrix.

    python -m tests.independent.matrix [--shard K/N] [--service NAME] [--examples N] [NAME ...]

Each line has a service, a fault or variant, the clauses that found it, requests and seconds. The status is 1 where a
fault was missed or a variant accused.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pollproof.loading import load_contract
from pollproof.verify.run import Plan, explore

from . import serving
from .__main__ import SERVICES
from .faults import FAULTS
from .variants import VARIANTS
from .wire import changed

KEY = "YOUR_API_KEY"


@dataclass(frozen=True)
class Cell:
    """What came of one run: the clauses that were violated, and what else it said."""

    service: str
    name: str
    lawful: bool
    found: tuple[str, ...]
    evidence: tuple[str, ...]
    error: str | None
    unreached: tuple[str, ...]
    requests: int
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether a fault was found, and a variant was not accused."""
        if self.lawful:
            return not self.found and self.error is None and not self.unreached
        return bool(self.found) or self.error is not None


def application(service: str, name: str = "") -> serving.Application:
    """A service with a fault, a lawful variant, or as it is."""
    plain = SERVICES[service](KEY)
    if name in FAULTS:
        return changed(service, plain, FAULTS[name].make(), FAULTS[name].cut)
    if name:
        return changed(service, plain, VARIANTS[name].make())
    return plain


def cells() -> Iterator[tuple[str, str]]:
    """All pairs of a service and a fault or variant."""
    for found in (*FAULTS.values(), *VARIANTS.values()):
        for service in found.services:
            yield service, found.name


def run(service: str, name: str, examples: int | None = None) -> Cell:
    """Verify one service as a user would, over HTTP with its clock hook."""
    begun = time.monotonic()
    with serving.serve(application(service, name)) as url:
        contract = load_contract(service)
        plan = Plan(contract, base_url=url, credential=KEY, advance_url=f"{url}/advance", examples=examples)
        result: Any = explore(plan)
    violated = result.ledger.violated()
    return Cell(
        service,
        name,
        name in VARIANTS,
        tuple(entry.clause.id for entry in violated),
        tuple(entry.evidence.violation.message for entry in violated if entry.evidence is not None),
        result.error,
        tuple(result.unreached),
        result.exchanges,
        time.monotonic() - begun,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix, or a part of it."""
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.independent.matrix", description=description)
    parser.add_argument("names", nargs="*", metavar="NAME", help="faults and variants (default: all)")
    parser.add_argument("--service", choices=sorted(SERVICES))
    parser.add_argument("--shard", default="1/1", metavar="K/N")
    parser.add_argument("--examples", type=int, help="examples of the state machine (default: as in a default run)")
    options = parser.parse_args(arguments)
    shard, shards = map(int, options.shard.split("/"))
    chosen = [
        cell
        for cell in cells()
        if (not options.names or cell[1] in options.names) and options.service in (None, cell[0])
    ]
    wrong = []
    for service, name in chosen[shard - 1 :: shards]:
        cell = run(service, name, options.examples)
        verdict = "right" if cell.is_right else ("ACCUSED" if cell.lawful else "MISSED")
        told = ", ".join(cell.found) or cell.error or f"nothing {'; '.join(cell.unreached)}"
        print(f"{verdict:8}{service:11}{name:45}{cell.requests:6} requests {cell.seconds:5.1f} s  {told}", flush=True)
        if not cell.is_right:
            wrong.append(cell)
            for line in cell.evidence if cell.lawful else ():
                print(f"        {line}", flush=True)
    print(f"{len(chosen[shard - 1 :: shards]) - len(wrong)} right, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
