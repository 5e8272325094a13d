"""The reference keeps contracts whose rules touch its own choices: cancelling, loss, refused results."""

from __future__ import annotations

from pathlib import Path

import pytest

from pollproof import run_verify

EXAMPLES = Path(__file__).parents[2] / "examples" / "contracts"


@pytest.mark.parametrize("name", ["ogc-processes", "flower"])
def test_the_reference_keeps_the_contract_and_exercises_all_of_it(name: str) -> None:
    result = run_verify(str(EXAMPLES / f"{name}.toml"), examples=0)
    assert result.outcome.value == "passed", result
