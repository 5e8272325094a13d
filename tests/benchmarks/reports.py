"""Writing the reports of a large run: each format against json.dumps of the same document, and tenfold input.

The large run is a ledger of 2,000 violated clauses, each with the exchanges that show it: mostly four of them, and 122
in one of fifty. Real contracts have some forty clauses, so it shows that nothing grows faster than its input, and not
how large reports are. json.dumps writes the document in one line, the way that is fastest; our own JSON is indented to
be read. Tenfold input takes somewhat more than ten times as long, because Python's collector of garbage goes through
all that is kept. Seconds are of the processor, and writing the file is not counted, which is the same for all formats.

*Of the check itself*: 100,000 recorded exchanges, a tenth of whose tasks break a rule, are judged; all five reports of
it are then made, from the ledger on. It shows what asking for all reports adds to a large run.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from pollproof.check.judging import check
from pollproof.loading import load_contract
from pollproof.report.document import build_document
from pollproof.report.formats import VIEWS as ALL_VIEWS
from pollproof.runs.outcome import Document
from tests.benchmarks.figures import Ratio, Sample, at_most
from tests.benchmarks.plan import Plan
from tests.fuzzing.traffic import stream, write_har
from tests.reports import violated

VIEWS = {name: view for name, view in ALL_VIEWS.items() if name not in ("github", "gitlab")}
"""The formats that hold the whole of a report; the two for CI systems are a part of it."""

NAMES = {"json": "JSON", "html": "HTML", "markdown": "Markdown", "junit": "JUnit", "sarif": "SARIF"}
MOST = {"json": 10, "html": 40, "markdown": 10, "junit": 10, "sarif": 15}
"""Times the time of json.dumps that each format may take."""

TIME = {
    name: Ratio(f"{NAMES[name]} report of a large run: multiple of the time of json.dumps", at_most(MOST[name]))
    for name in VIEWS
}
GROWTH = {
    name: Ratio(f"{NAMES[name]} report of a large run: multiple of the time for a tenth of it", at_most(15))
    for name in VIEWS
}
PAGE = Ratio("HTML report of a large run: multiple of the size of the same as JSON in one line", at_most(3))
OF_CHECK = Ratio("all five reports of a large recording: share of the time of judging it", at_most(0.05))
RATIOS = (*TIME.values(), *GROWTH.values(), PAGE, OF_CHECK)

FAILURES, QUICK_FAILURES = 2_000, 400
TENTH = 10
LONG_EVERY = 50
"""One of so many violations needs many exchanges to be shown."""

SHORT, LONG = "capsolver.poll.terminal", "capsolver.poll.budget-ended"
EXCHANGES, QUICK_EXCHANGES = 100_000, 5_000


def measure(plan: Plan) -> Iterator[Sample]:
    """Each format by turns; then the check."""
    count = plan.size(FAILURES, QUICK_FAILURES)
    large, small = large_document(count), large_document(count // TENTH)
    for view in VIEWS.values():
        view([small])  # what is prepared at the first use is no part of a later one
    for _ in plan.rounds("views"):
        plain = seconds(lambda: json.dumps(large))
        for name, view in VIEWS.items():
            many, few = seconds(lambda view=view: view([large])), seconds(lambda view=view: view([small]))  # type: ignore[misc]
            yield TIME[name].of(many / plain, report_s=many, json_dumps_s=plain, violations=count)
            yield GROWTH[name].of(many / few, of_all_s=many, of_a_tenth_s=few)
    page, document = len(VIEWS["html"]([large]).encode()), len(json.dumps(large))
    yield PAGE.of(page / document, page_MB=page / 1e6, document_MB=document / 1e6)
    yield from of_check(plan)


def of_check(plan: Plan) -> Iterator[Sample]:
    """Judging recordings, and what all reports of that take."""
    contract = load_contract("capsolver")
    with tempfile.TemporaryDirectory() as name:
        count = plan.size(EXCHANGES, QUICK_EXCHANGES)
        path = write_har(Path(name) / "large.har", islice(stream(faults=0.1), count))
        for _ in plan.rounds("a large check", 2):
            started = time.process_time()
            checking = check(contract, [path], named=frozenset([path]))
            judged = time.process_time()
            document = build_document(checking)
            written = sum(len(view([document])) for view in VIEWS.values())
            reported = time.process_time()
            yield OF_CHECK.of(
                (reported - judged) / (judged - started),
                judging_s=judged - started,
                reports_s=reported - judged,
                violations=checking.ledger.violations,
                written_MB=written / 1e6,
            )


def large_document(count: int) -> Document:
    """The report of a run in which so many clauses are violated, no part of it shared with another."""
    document = violated(SHORT)
    short, long = (_violation(violated(identifier)) for identifier in (SHORT, LONG))
    clauses = [
        {**(long if number % LONG_EVERY == 0 else short), "id": f"capsolver.made.rule-{number:05d}"}
        for number in range(count)
    ]
    copied: Document = json.loads(json.dumps({**document, "clauses": clauses}))
    return copied


def _violation(document: Document) -> Document:
    found: Document = next(clause for clause in document["clauses"] if clause["violation"])
    return found


def seconds(act: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    started = time.process_time()
    act()
    return time.process_time() - started
