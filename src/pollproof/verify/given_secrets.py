"""The secrets that a run was given: keys, and what stands in its URLs, commands and variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pollproof.secrets.find import in_command, in_environment, in_url

if TYPE_CHECKING:
    from pollproof.verify.run import Plan


def of_plan(plan: Plan) -> set[str]:
    """All secrets that were given to the exploring of a target."""
    key = plan.credential or plan.contract.credential.sample
    found = {key, key[:-1], key.swapcase()}
    for url in (plan.base_url, plan.advance_url, plan.callback_url, plan.example_db):
        found.update(in_url(url or ""))
    if plan.launch is not None:
        found.update(in_command(plan.launch.command), in_environment(os.environ))
    return found
