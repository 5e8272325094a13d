"""pollproof: a conformance suite for create-then-poll task APIs and their clients.

The public functions are loaded when they are first used: see docs/python.md.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pollproof.version import __version__

if TYPE_CHECKING:
    from pollproof.api import Report, judge_trace, run_check, run_gate, run_verify
    from pollproof.contract.model import Contract, Subject
    from pollproof.errors import InputError, PollproofError, RunError
    from pollproof.loading import load_contract
    from pollproof.runs.outcome import Outcome
    from pollproof.trace.exchange import Exchange, Request, Response

__all__ = [
    "Contract",
    "Exchange",
    "InputError",
    "Outcome",
    "PollproofError",
    "Report",
    "Request",
    "Response",
    "RunError",
    "Subject",
    "__version__",
    "judge_trace",
    "load_contract",
    "run_check",
    "run_gate",
    "run_verify",
]

_PLACES = {
    **dict.fromkeys(("Report", "judge_trace", "run_check", "run_gate", "run_verify"), "pollproof.api"),
    **dict.fromkeys(("Contract", "Subject"), "pollproof.contract.model"),
    **dict.fromkeys(("InputError", "PollproofError", "RunError"), "pollproof.errors"),
    **dict.fromkeys(("Exchange", "Request", "Response"), "pollproof.trace.exchange"),
    "load_contract": "pollproof.loading",
    "Outcome": "pollproof.runs.outcome",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'pollproof' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
