"""Callbacks, for clients whose task names an address; others poll, and see an ordinary task."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.clauses.faults import Settings
from pollproof.contract.model import Role
from pollproof.gate.basis import HAPPENS, LEFT_OPEN, PRIMARY
from pollproof.gate.scenario import Callback, Expects, Scenario
from pollproof.gate.scenarios.builder import USUAL_SOLVING, Catalogue


def callback_scenarios(of: Catalogue) -> Iterator[Scenario]:
    """Every scenario in which the provider calls back."""
    operation = of.contract.operation_of(Role.CALLBACK)
    if operation is None:
        return
    for name, callback, words, grounds in (
        ("callback", Callback.ONCE, "when the task has ended", PRIMARY),
        ("callback-before-the-creation-answer", Callback.EARLY, "before the response to the creation", HAPPENS),
        ("callback-twice", Callback.TWICE, "twice", HAPPENS),
        ("callback-misspelt", Callback.MISSPELT, "with a key misspelt as in the documented sample", LEFT_OPEN),
    ):
        yield of.scenario(
            name,
            f"Where the task names an address, its callback comes {words}. Its results are returned, once.",
            Expects.SUCCESS,
            settings=Settings(solving=0.0 if callback is Callback.EARLY else USUAL_SOLVING),
            callback=callback,
            grounds=grounds,
        )
    yield of.scenario(
        "callback-of-a-failure",
        "Where the task names an address, its callback reports that the task has failed. That is final, and reported.",
        Expects.FAILURE,
        fails=True,
    )
    for variant in of.contract.variants:
        changes = tuple(change for change in variant.changes if change.operation == operation.name)
        if changes:
            yield of.scenario(
                variant.name if variant.name.startswith("callback") else f"callback-{variant.name}",
                f"Where the task names an address, its callback comes in another form: {variant.text} "
                "Its results are returned; a client that cannot read it polls, or reports it.",
                Expects.EITHER,
                changes=changes,
                grounds=of.of_variant(variant),
            )
