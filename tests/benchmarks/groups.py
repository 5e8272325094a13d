"""Every group of benchmarks: its name, what it compares, and how it is measured.

A group is a module of this folder with `RATIOS`, all that it measures, and `measure(plan)`, which gives one sample
after the other. What a figure shows, and what it does not, stands in the module's docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from tests.benchmarks.figures import Ratio, Sample
from tests.benchmarks.plan import Plan


@dataclass(frozen=True, slots=True)
class Group:
    """A group by name; `cores` are those it is given: on one core a ratio does not depend on how many there are."""

    name: str
    compares: str
    cores: int = 1

    @property
    def ratios(self) -> Sequence[Ratio]:
        """All that the group measures."""
        ratios: Sequence[Ratio] = import_module(f"tests.benchmarks.{self.name}").RATIOS
        return ratios

    def measure(self, plan: Plan) -> Iterator[Sample]:
        """Measure: one sample after the other, those of a ratio spread over the whole time."""
        measure: Callable[[Plan], Iterator[Sample]] = import_module(f"tests.benchmarks.{self.name}").measure
        return measure(plan)


GROUPS = {
    group.name: group
    for group in (
        Group("exploring", "The explorer's state machine against the least that its moves and requests can take."),
        Group("schemathesis", "pollproof verify against Schemathesis, stateful, on one mock: speed, faults found."),
        Group("workers", "Exploration at full strength with two worker processes, against one.", cores=2),
        Group("gate_clock", "Clients whose long waits are leapt over, against the same clients without any wait."),
        Group("supervised_clock", "Clients under supervision, Go too, against the same clients without any wait."),
        Group("gate_server", "The mock server that clients are judged against, and pytest-httpserver."),
        Group("recordings", "Judging recorded traffic against parsing it, replaying it, and judging less of it."),
        Group("replaying", "Answering a client from a long recording, against answering it from a short one."),
        Group("reports", "Writing the reports of a large run against writing the same data as plain JSON."),
        Group("start_up", "The start of pytest with the plugin against its start without it."),
        Group("soak", "Memory at the end of very many exchanges against that after a tenth of them."),
        Group("soap", "Checking the shape of a SOAP answer against what xmlschema takes for it."),
        Group("fuzz", "Recordings that were damaged on purpose: how many break an expectation, and the slowest one."),
        Group("strength", "Faults that a default run finds, by kind, of all that were tried, with requests and time."),
    )
}
"""In the order in which they are measured."""
