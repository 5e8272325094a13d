"""Every view says what the JSON report says: SARIF and JUnit as their public schemas ask, Markdown that stays inert."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from jsonschema import Draft7Validator

from pollproof.clauses import KINDS
from pollproof.report.code_quality import code_quality_of
from pollproof.report.formats import VIEWS
from pollproof.report.github_annotations import annotations_of
from pollproof.report.html import html_of
from pollproof.report.html.timeline_svg import drawing_of
from pollproof.report.junit import junit_of
from pollproof.report.markdown import LIMIT, render_markdown
from pollproof.report.matrix import matrix_of
from pollproof.report.phrases import OUTCOME_WORDS, doubts
from pollproof.report.sarif import sarif_of
from pollproof.runs.outcome import Document, decided, unfinished
from tests.reports import HOSTILE, gated, hostile, passed, valid, violated

SCHEMAS = Path(__file__).parents[1] / "schemas"
SARIF = Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text(encoding="utf-8")))
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
CLAUSE = "capsolver.poll.lifetime-ended"

DOCUMENTS: dict[str, list[Document]] = {
    "violated": [violated()],
    "passed": [passed()],
    "unfinished": [unfinished(passed())],
    "a gate": [gated(["smoke", "slow"])],
    "hostile": [hostile()],
    "several": [violated(), passed(), hostile(), gated(["smoke"])],
}


def test_the_documents_of_these_tests_are_such_as_the_schema_allows() -> None:
    for documents in DOCUMENTS.values():
        for document in documents:
            valid(document)


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_sarif_is_valid_by_the_public_schema(documents: list[Document]) -> None:
    assert [error.message[:200] for error in SARIF.iter_errors(json.loads(sarif_of(documents)))] == []


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_junit_is_valid_by_a_public_schema(documents: list[Document]) -> None:
    assert [str(error)[:200] for error in JUNIT.iter_errors(junit_of(documents))] == []


def test_the_public_schemas_refuse_what_is_no_report() -> None:
    broken = json.loads(sarif_of([violated()]))
    del broken["runs"][0]["tool"]
    assert not SARIF.is_valid(broken)
    assert not JUNIT.is_valid(junit_of([violated()]).replace("testcase", "case"))


def test_sarif_has_a_rule_for_each_clause_and_a_result_with_its_trace_for_each_violation() -> None:
    document = violated()
    (run,) = json.loads(sarif_of([document]))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [clause["id"] for clause in document["clauses"]]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == (CLAUSE, "error")
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    clause = next(clause for clause in document["clauses"] if clause["violation"])
    assert len(steps) == len(clause["violation"]["trace"])
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "contracts/capsolver.toml", "uriBaseId": "POLLPROOF"}
    lines = (Path(__file__).parents[2] / "contracts" / "capsolver.toml").read_text(encoding="utf-8").splitlines()
    assert lines[place["region"]["startLine"] - 1] == "[[clauses]]"
    assert f'"{CLAUSE}"' in lines[place["region"]["startLine"]]
    assert "pollproof verify capsolver --seed 0" in result["message"]["text"]
    help_text = run["tool"]["driver"]["rules"][result["ruleIndex"]]["help"]["text"]
    assert clause["proof"]["mutants"][0] in help_text
    assert clause["source"] in help_text


def test_sarif_points_at_the_recording_that_shows_a_violation() -> None:
    document = violated()
    for clause in document["clauses"]:
        for exchange in (clause["violation"] or {"trace": []})["trace"]:
            exchange["place"] = "my tapes/a b.yaml, entry 7"
    (result,) = json.loads(sarif_of([document]))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20tapes/a%20b.yaml"


@pytest.mark.parametrize("documents", [[violated()], [passed()]], ids=["violated", "passed"])
def test_a_run_that_was_cut_short_is_told_by_every_view(documents: list[Document]) -> None:
    cut = [unfinished(document) for document in documents]
    assert "Incomplete" not in html_of(documents) + render_markdown(documents) + junit_of(documents) + sarif_of(
        documents
    )
    for view in (html_of, render_markdown, junit_of, sarif_of):
        assert "Incomplete: the run was interrupted" in view(cut)
    assert json.loads(sarif_of(cut))["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert ElementTree.fromstring(junit_of(cut)).find("testsuite").get("errors") == "1"  # type: ignore[union-attr]


def test_junit_is_red_whenever_the_exit_status_is_not_0() -> None:
    def red(document: Document) -> bool:
        suite = ElementTree.fromstring(junit_of([document])).find("testsuite")
        assert suite is not None
        return (suite.get("failures"), suite.get("errors")) != ("0", "0")

    assert not red(passed())
    assert red(violated())
    assert red({**passed(), "outcome": "inconclusive"}), "a clause that had to be exercised was not"
    assert red({**passed(), "outcome": "error", "error": "the target does not answer"})


def inconclusive() -> Document:
    """A run of which a limit cut the examples, and which is complete otherwise."""
    return decided({**passed(), "cuts": [{"reason": "the state machine stopped early", "cause": "time"}]})


def test_no_format_shows_an_inconclusive_or_a_failed_run_as_one_that_passed() -> None:
    failed = decided({**passed(), "error": "the target does not answer", "complete": False})
    for document, words in ((inconclusive(), "the state machine stopped early"), (failed, "the target does not")):
        views = {view: view([document]) for view in (html_of, render_markdown, junit_of, sarif_of)}
        views |= {view: view([document]) for view in (code_quality_of, annotations_of)}
        assert all(words in text for text in views.values()), [view.__name__ for view in views]
        (invocation,) = json.loads(views[sarif_of])["runs"][0]["invocations"]
        assert (invocation["executionSuccessful"], invocation["exitCode"] > 0) == (False, True)
        assert len(json.loads(views[code_quality_of])) == 1
        assert all(view([passed()]) != text for view, text in views.items())


def test_a_violated_should_is_a_warning_unless_the_run_is_strict() -> None:
    document = violated()
    for clause in document["clauses"]:
        clause["level"] = "SHOULD"
    assert 'failures="0"' in junit_of([document])
    assert 'failures="1"' in junit_of([{**document, "strict": True}])
    assert "1 as a warning" not in render_markdown([{**document, "strict": True}])


# ------------------------------------------------------------------------------------------- Markdown


def test_the_summary_is_short_and_shows_the_violated_rule_with_the_command_that_shows_it_again() -> None:
    text = render_markdown([violated()])
    assert text.startswith("### ❌ pollproof verify: capsolver against ")
    assert f"| {CLAUSE} | MUST | " in text
    assert f"pollproof verify capsolver --seed 0 -k {CLAUSE}" in text
    assert len(text) < 6_000


def test_a_passed_run_is_one_line_of_figures() -> None:
    text = render_markdown([passed()])
    assert text.startswith("### ✅ ")
    assert "<details>" not in text.replace("not exercised: the run", "")


def test_the_summary_counts_what_was_not_exercised() -> None:
    document = passed()
    for clause in document["clauses"][:3]:
        clause |= {"verdict": "unexercised", "exercised": 0}
    assert "<summary>3 not exercised" in render_markdown([document])


def test_nothing_foreign_is_read_as_markdown_html_a_mention_or_a_link() -> None:
    text = render_markdown([hostile()])
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", text)
    for word in ("<script", "<img", "<b>", "](", "@everyone", "https://", "$x$", "```", "\x1b", "\u202e", "#1 "):
        assert word not in outside.replace("###", ""), word
    opened, closed = outside.count("<details>"), outside.count("</details>")
    assert opened == closed > 0
    for line in outside.splitlines():
        if line.startswith("| "):
            assert line.count("|") == 5, "a foreign text has no way out of its cell"


def test_a_summary_of_a_thousand_violations_still_fits_into_a_comment() -> None:
    document = hostile()
    clause = next(clause for clause in document["clauses"] if clause["violation"])
    document["clauses"] = [{**clause, "id": f"capsolver.rule-{number}"} for number in range(1000)]
    text = render_markdown([document])
    assert len(text) < LIMIT < 65_536
    assert "more clauses are violated" in text
    assert "more are shown in the other reports" in text


# --------------------------------------------------------------------------------------------- matrix


def test_several_implementations_stand_side_by_side_rule_by_rule() -> None:
    one, other = violated(), {**passed(), "target": "http://127.0.0.1:9"}
    matrix = matrix_of([one, other])
    assert [column.name for column in matrix.columns] == [one["target"], "http://127.0.0.1:9"]
    row = next(row for row in matrix.rows if row.name == CLAUSE)
    assert [clause["verdict"] for clause in row.clauses] == ["violated", "held"]
    assert row.verdict == "violated"
    assert f"| {CLAUSE} | MUST | ✗ violated | ✓ held |" in render_markdown([one, other])


def test_the_same_rule_of_two_providers_is_one_row() -> None:
    matrix = matrix_of([violated(), violated("capmonster.poll.terminal")])
    assert [column.name for column in matrix.columns] == ["capsolver", "capmonster"]
    row = next(row for row in matrix.rows if row.name == "poll.terminal")
    assert [clause["id"] for clause in row.clauses] == ["capsolver.poll.terminal", "capmonster.poll.terminal"]


def test_two_runs_of_the_same_target_are_told_apart_by_their_number() -> None:
    names = [column.name for column in matrix_of([passed(), passed()]).columns]
    assert [name[-3:] for name in names] == ["(1)", "(2)"]


# ------------------------------------------------------------------------------------------- timeline


def trace(*moments: tuple[float | None, float | None]) -> list[dict[str, Any]]:
    request = {"method": "POST", "path": "/poll", "body": None}
    return [
        {
            "number": number, "operation": "poll", "probe": None, "sent": sent, "received": received,
            "request": request, "response": {"status": 200, "body": {"status": str(number)}}, "failure": None,
        }
        for number, (sent, received) in enumerate(moments)
    ]  # fmt: skip


def test_a_deadline_stands_between_what_came_before_it_and_what_came_after() -> None:
    deadline = {"at": 300.0, "text": "the task is lost", "start": 0.0}
    drawing = drawing_of({"trace": trace((0.0, 0.1), (299.5, 299.6), (300.001, 300.1)), "deadlines": [deadline]})
    assert [place.kind for place in drawing.places] == ["request", "request", "deadline", "request"]
    assert [place.time for place in drawing.places] == ["0 s", "299.500 s", "300 s", "300.001 s"]
    assert [place.broken for place in drawing.places] == [False, False, False, True]
    (span,) = drawing.spans
    assert (span.top, span.bottom) == (drawing.places[0].y, drawing.places[2].y)
    ys = [place.y for place in drawing.places]
    assert ys == sorted(set(ys)), "no two places lie on one another"


def test_like_exchanges_are_folded_and_the_last_one_never_is() -> None:
    exchanges = trace(*[(float(number), None) for number in range(122)])
    for exchange in exchanges:
        exchange["response"] = {"status": 200, "body": {"status": "idle"}}
    places = drawing_of({"trace": exchanges}).places
    assert [place.kind for place in places] == ["request", "more", "request"]
    assert "120 more of the same, the last at 120 s" in " ".join(places[1].lines)
    assert places[2].broken


def test_times_are_exact_where_a_deadline_is_nearer_than_a_thousandth_of_a_second() -> None:
    deadline = {"at": 300.0, "text": "the task is lost", "start": None}
    drawing = drawing_of({"trace": trace((0.000163, 0.1), (300.0002, 300.1)), "deadlines": [deadline]})
    assert [place.time for place in drawing.places] == ["0 s", "300 s", "300.0002 s"]


def test_a_trace_without_times_keeps_its_order() -> None:
    places = drawing_of({"trace": trace((None, None), (None, None))}).places
    assert [place.time for place in places] == ["?", "?"]


def test_a_long_trace_is_drawn_in_part() -> None:
    drawing = drawing_of({"trace": trace(*[(float(number), None) for number in range(3000)])})
    assert len(drawing.places) < 50
    assert any("are not drawn" in line for place in drawing.places for line in place.lines)


# ----------------------------------------------------------------------------------------------- HTML


def test_the_page_holds_what_explains_a_failure() -> None:
    document = violated()
    page = html_of([document])
    clause = next(clause for clause in document["clauses"] if clause["violation"])
    assert clause["proof"]["mutants"][0] in page
    for text in (clause["text"], clause["sources"][0]["place"], f"--seed 0 -k {CLAUSE}", "<svg", "<desc", "times"):
        assert text.replace("'", "&#39;") in page, text


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_tells_how_to_mend_a_failure_whose_kind_knows_it(view: str) -> None:
    document = violated("capsolver.poll.budget-ended")
    (clause,) = [clause for clause in document["clauses"] if clause["violation"]]
    assert clause["hint"] == KINDS[clause["kind"]].hint != ""
    assert clause["hint"].replace("'", "&#39;") in VIEWS[view]([document])
    del clause["hint"]
    assert KINDS[clause["kind"]].hint not in VIEWS[view]([document])


def test_the_page_begins_with_the_data_of_the_run_and_folds_the_proof() -> None:
    document = {**violated(), "command_line": "pollproof verify capsolver --api-key [key]"}
    page = html_of([document])
    head = page[: page.index('<main id="main"')]
    for words in (document["target"], document["started"], "--api-key [key]", "hypothesis", "requests"):
        assert words in head, words
    assert page.index('id="failures"') < page.index('id="rules"')
    for at in re.finditer("Detects the mutant", page):
        assert page.rindex("<details", 0, at.start()) > page.rfind("</details>", 0, at.start())


def test_no_view_says_unexercised_to_people() -> None:
    document = {**violated(), "command_line": None}
    document["clauses"][0] |= {"verdict": "unexercised", "reason": "it needs a task"}
    page = html_of([document])
    words = re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert "not exercised" in words
    for text in (words, render_markdown([document])):
        assert "unexercised" not in text


def test_the_page_is_one_file_that_asks_for_nothing() -> None:
    page = html_of([violated(), gated(["smoke"])])
    assert re.findall(r"<(?:link|img|script|iframe|object|embed|audio|video|source)\b[^>]*>", page) == [
        '<link rel="icon" href="data:,">',
        "<script>",
    ]
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_foreign_text_is_shown_and_never_read_as_html() -> None:
    page = html_of([hostile()])
    assert page.count("<script") == 1
    assert page.count("</script") == 1
    for word in ("<img", "onload=alert(1)>", "\u202e", "\x1b", "\x00"):
        assert word not in page.replace("<!--<svg onload=alert", ""), word
    assert "[U+202E]" in page
    assert "{{ 7 * 7 }}" in page
    page.encode()
    assert len(page) < 2_000_000, f"{len(HOSTILE[-1])} characters are told by their beginning"


def test_a_page_of_thousands_of_cells_is_made_in_one_go() -> None:
    page = html_of([gated([f"scenario-{number}" for number in range(400)], broken="scenario-7")])
    assert page.count('<tr class="scenario"') == 400
    assert page.index("scenario-7<") < page.index("scenario-0<"), "those with a finding come first"


# ------------------------------------------------------------------------------ coverage and baselines


def test_what_was_not_seen_is_told_with_what_would_show_it() -> None:
    document = violated()
    document["coverage"]["deadlines"][0] |= {"seen": 0, "would": "a task that is polled 120 times"}
    page = html_of([valid(document)])
    assert "1 missing" in page
    assert "a task that is polled 120 times" in page


def test_a_report_of_an_older_version_is_shown_without_what_it_lacks() -> None:
    document = violated()
    for name in ("strict", "require_all", "coverage"):
        document.pop(name, None)
    for clause in document["clauses"]:
        for name in ("provider", "sources", "proof", "defined"):
            clause.pop(name, None)
        for name in ("again", "deadlines"):
            (clause["violation"] or {}).pop(name, None)
    for view in (html_of, render_markdown, junit_of, sarif_of):
        assert CLAUSE in view([valid(document)])


# ------------------------------------------------------------------------------------ views of CI systems


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_annotations_are_single_lines_that_nothing_foreign_can_end(documents: list[Document]) -> None:
    lines = annotations_of(documents).splitlines()
    assert all(re.fullmatch(r"::(error|warning|notice) [^:\n]*::[^\n\r]+", line) for line in lines)
    broken = [clause for document in documents for clause in document["clauses"] if clause["violation"]]
    assert len(lines) >= min(len(broken), 1)


def test_a_violated_must_is_an_error_of_the_job_and_a_passed_run_has_no_annotation() -> None:
    (line,) = annotations_of([violated()]).splitlines()
    assert line.startswith(f"::error title={CLAUSE} (MUST)::")
    assert "Expected " in line
    assert annotations_of([passed()]) == ""
    assert annotations_of([unfinished(passed())]).startswith("::warning ")


@pytest.mark.parametrize("documents", DOCUMENTS.values(), ids=DOCUMENTS)
def test_code_quality_has_an_issue_with_a_place_for_each_violation(documents: list[Document]) -> None:
    issues = json.loads(code_quality_of(documents))
    broken = [clause["id"] for document in documents for clause in document["clauses"] if clause["violation"]]
    assert [issue["check_name"] for issue in issues if issue["check_name"] not in OUTCOME_WORDS.values()] == broken
    assert len(issues) - len(broken) == sum(bool(doubts(document)) for document in documents)
    for issue in issues:
        assert issue["severity"] in ("major", "minor")
        assert issue["location"]["path"]
        assert issue["location"]["lines"]["begin"] >= 1
        assert re.fullmatch(r"[0-9a-f]{64}", issue["fingerprint"])
