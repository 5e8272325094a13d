"""The report as JUnit XML, for CI systems: a test case for each clause."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from pollproof.report.matrix import provider_of
from pollproof.report.phrases import doubts
from pollproof.report.terminal import violation_lines
from pollproof.report.visible import tidy
from pollproof.runs.outcome import Document, failing
from pollproof.text import one_line, visible

MAXIMUM_REASON = 20_000
"""Characters of one failure."""


def junit_of(documents: Sequence[Document]) -> str:
    """A test suite for each report.

    A violated MUST is a failure (a SHOULD too in a strict run), an unexercised clause is skipped, and a run that is
    inconclusive, cut short or failed itself has an error: a suite is red whenever the exit status is not 0.
    """
    suites = ElementTree.Element("testsuites")
    for document in documents:
        suites.append(_suite(tidy(document)))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _suite(document: Document) -> ElementTree.Element:
    clauses = document["clauses"]
    broken = {id(clause) for clause in failing(document, strict=bool(document.get("strict")))}
    problem = "; ".join(doubts(document))
    suite = ElementTree.Element(
        "testsuite",
        name=f"pollproof {document['mode']} {document['provider']}",
        tests=str(len(clauses) + bool(problem)),
        failures=str(len(broken)),
        errors=str(int(bool(problem))),
        skipped=str(sum(clause["verdict"] == "unexercised" or "known" in clause for clause in clauses)),
        time=f"{document['seconds']:.3f}",
    )
    for clause in clauses:
        case = _case(suite, provider_of(document, clause), clause["id"])
        if clause["verdict"] == "unexercised":
            ElementTree.SubElement(case, "skipped", message=clause.get("reason", "not exercised"))
        elif "known" in clause:
            ElementTree.SubElement(case, "skipped", message=one_line(f"known violation: {clause['known']}"))
        elif clause["verdict"] == "violated":
            words = visible("\n".join(violation_lines(clause)), MAXIMUM_REASON)
            if id(clause) in broken:
                message = one_line(clause["violation"]["message"])
                ElementTree.SubElement(case, "failure", message=message, type=clause["level"]).text = words
            else:
                ElementTree.SubElement(case, "system-out").text = words
    if problem:
        case = _case(suite, document["provider"], "the run itself")
        ElementTree.SubElement(case, "error", message=one_line(problem), type=document["outcome"])
    return suite


def _case(suite: ElementTree.Element, of: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=of, name=name, time="0")
