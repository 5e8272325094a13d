"""A whole run that verifies one target, live or not, and never raises for what happens in it."""

from __future__ import annotations

from pollproof.errors import PollproofError, defect_of
from pollproof.runs.result import Progress
from pollproof.verify.exploration import Exploration, begin_exploration
from pollproof.verify.live.run import explore_live
from pollproof.verify.plan import Plan
from pollproof.verify.run import explore


def verify_target(
    plan: Plan,
    progress: Progress | None = None,
    result: Exploration | None = None,
    until: frozenset[str] = frozenset(),
) -> Exploration:
    """Verify the target of a plan; a defect of the suite stands in the result, without what was judged by then.

    `result` is a `begin_exploration` that somebody watches while it grows. Raises `InputError` for a target that cannot
    be addressed.
    """
    result = begin_exploration(plan) if result is None else result
    try:
        if plan.live is None:
            return explore(plan, progress, until=until, result=result)
        return explore_live(plan, progress, result)
    except PollproofError:
        raise
    except Exception as error:  # a defect of the suite: reported once, and not by each clause
        failed = begin_exploration(plan)
        failed.fail(defect_of(error))
        return failed
