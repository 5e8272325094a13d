"""How many faults a default run finds, by kind, with its requests and time; and whether it accuses what is lawful.

*Mutants* are the references of the bundled contracts with one clause broken each; *independent faults* are those of
`tests.independent`, whose services are not made from our contracts, by the kinds that they are listed under. Mutants
are tried as `pollproof mutants` tries them, the services over HTTP with their clock hook and default options. A share
is of those tried: 1 is all of them; the parts of the figure have the share of each kind. *Lawful* is the share of the
independent variants that nothing accuses. A quick run tries every tenth of all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from pollproof.bundled import bundled
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutants
from pollproof.proof.trials import try_mutant
from tests.benchmarks.figures import Ratio, Sample, at_least
from tests.benchmarks.plan import Plan
from tests.independent.faults import FAULTS
from tests.independent.matrix import Cell, cells, run
from tests.independent.variants import VARIANTS

SPARSE = 10
"""Of how many faults a quick run tries one."""

LAWFUL = Ratio("legal variants of the independent services that nothing accuses", at_least(1.0))


MUTANTS = Ratio("mutants that their own clause kills", at_least(1.0))
INDEPENDENT = Ratio("faults of independent services that are found", at_least(0.98))
RATIOS: Sequence[Ratio] = (MUTANTS, INDEPENDENT, LAWFUL)


def measure(plan: Plan) -> Iterator[Sample]:
    """Everything once: what is found does not change from run to run but by the order of threads."""
    yield _killed(plan)
    yield _tried(plan, INDEPENDENT, [pair for pair in cells() if pair[1] in FAULTS])
    yield _tried(plan, LAWFUL, [pair for pair in cells() if pair[1] in VARIANTS])


def _tried(plan: Plan, ratio: Ratio, pairs: list[tuple[str, str]]) -> Sample:
    tried: list[Cell] = []
    for service, name in pairs[:: plan.size(1, SPARSE)]:
        plan.say(f"{service}: {name}")
        tried.append(run(service, name))
    kinds: dict[str, list[bool]] = {}
    for cell in tried:
        if cell.name in FAULTS:
            kinds.setdefault(FAULTS[cell.name].kind, []).append(cell.is_right)
    return ratio.of(
        sum(cell.is_right for cell in tried) / len(tried),
        tried=len(tried),
        requests_each=sum(cell.requests for cell in tried) / len(tried),
        s_each=sum(cell.seconds for cell in tried) / len(tried),
        **{f"found_of_{kind}": sum(right) / len(right) for kind, right in kinds.items()},
    )


def _killed(plan: Plan) -> Sample:
    began = time.monotonic()
    trials = []
    for name in bundled():
        for mutant in mutants(load_contract(name))[:: plan.size(1, SPARSE)]:
            plan.say(f"{name}: {mutant.name}")
            trials.append(try_mutant(mutant))
    count = len(trials)
    return MUTANTS.of(
        sum(trial.killed for trial in trials) / count,
        tried=count,
        requests_each=sum(trial.exchanges for trial in trials) / count,
        s_each=(time.monotonic() - began) / count,
    )
