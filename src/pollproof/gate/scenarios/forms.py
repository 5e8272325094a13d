"""Responses in another form: the legal variants that the contract lists, and what no document names."""

from __future__ import annotations

from collections.abc import Iterator

from pollproof.clauses.faults import Settings
from pollproof.contract.model import Break
from pollproof.gate.scenario import Expects, Scenario
from pollproof.gate.scenarios.builder import Catalogue


def forms(of: Catalogue) -> Iterator[Scenario]:
    """Responses in another form: the legal variants that the contract lists, and what no document names."""
    answers = ("created", "waiting", "running", "succeeded", "nothing")
    used = {"", of.create.name, of.poll.name, "" if of.fetch is None else of.fetch.name}
    for variant in of.contract.variants:
        changes = tuple(
            change for change in variant.changes if change.answer in ("", *answers) and change.operation in used
        )
        writing = variant.settings.get("writing")
        if not changes and not writing:
            continue
        if not of.has_solution(*changes):
            continue  # there would be no token that shows whether it was returned
        known = of.is_documented(*changes, writing=writing) and not any(_is_error(change) for change in changes)
        yield of.scenario(
            f"variant-{variant.name}",
            f"{variant.text} That conforms to the documents, too."
            if known
            else f"{variant.text} A client may give up.",
            Expects.SUCCESS if known else Expects.EITHER,
            changes=changes,
            grounds=of.of_variant(variant),
            settings=Settings(solving=0.0, writing=writing or {}),
            turns=of.life,
            seconds=of.wait * (len(of.life) + 1),
        )


def _is_error(change: Break) -> bool:
    """Whether a response that is not a refusal looks like one by its HTTP status: a client may give up there."""
    return change.http is not None and change.http >= 400
