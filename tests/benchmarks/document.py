"""What a run of benchmarks leaves behind: one JSON document, as benchmarks.schema.json has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks import conditions
from tests.benchmarks.figures import Figure
from tests.benchmarks.groups import Group
from tests.benchmarks.plan import Plan

Document = dict[str, Any]


def begun(plan: Plan) -> Document:
    """The document of a run that begins now: incomplete until it is `ended`."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": plan.quick,
        "repeats": plan.repeats,
        "complete": False,
        "machine": conditions.machine(),
        "versions": conditions.versions(plan.schemathesis),
        "load": {"before": conditions.load(), "after": None},
        "groups": [],
    }


def ended(document: Document, *, complete: bool) -> Document:
    """The document of a run that ends now."""
    return {**document, "complete": complete, "load": {**document["load"], "after": conditions.load()}}


def with_group(document: Document, group: Group, figures: Sequence[Figure], seconds: float) -> Document:
    """The document with one more group."""
    measured = {
        "name": group.name,
        "compares": group.compares,
        "cores": group.cores,
        "seconds": round(seconds, 1),
        "figures": [figure.document(held=not document["quick"]) for figure in figures],
    }
    return {**document, "groups": [*document["groups"], measured]}
