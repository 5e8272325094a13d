"""Every clause of every contract, one test item each, named by its id."""

from __future__ import annotations

from typing import Any


def test_clause(pollproof_clause: Any) -> None:
    pollproof_clause.judge()
