"""The module that a run of pytest collects to share jobs out: one item for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pollproof.workers.jobs import JOBS


def test_job(job: tuple[str, dict[str, Any]], record_property: Callable[[str, object], None]) -> None:
    """Do the job, and send what came of it with the report of this item."""
    from pollproof.workers.worker_plugin import RESULT

    name, arguments = job
    record_property(RESULT, json.dumps(JOBS[name](arguments)))
