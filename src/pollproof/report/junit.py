"""The report as JUnit XML, for CI systems: a test case for each clause."""

from __future__ import annotations

from xml.etree import ElementTree

from pollproof.report.document import Document, failing
from pollproof.report.terminal import violation_lines


def junit_of(document: Document) -> str:
    """One test suite: a violated MUST is a failure (a SHOULD too in a strict run), an unexercised clause is skipped."""
    clauses, strict = document["clauses"], bool(document.get("strict"))
    failed = {clause["id"] for clause in failing(document, strict=strict)}
    skipped = [clause for clause in clauses if clause["verdict"] == "unexercised"]
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name=f"pollproof {document['mode']} {document['provider']}",
        tests=str(len(clauses) + bool(document["error"])),
        failures=str(len(failed)),
        errors=str(int(bool(document["error"]))),
        skipped=str(len(skipped)),
        time=str(document["seconds"]),
    )
    for clause in clauses:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_class(document, clause), name=clause["id"], time="0"
        )
        if clause["verdict"] == "unexercised":
            ElementTree.SubElement(case, "skipped", message=_clean(clause.get("reason", "not exercised")))
        elif clause["verdict"] == "violated":
            words = _clean("\n".join(violation_lines(clause)))
            if clause["id"] in failed:
                failure = ElementTree.SubElement(case, "failure", message=_clean(clause["violation"]["message"]))
                failure.text = words
            else:
                ElementTree.SubElement(case, "system-out").text = words
    if document["error"]:
        case = ElementTree.SubElement(
            suite, "testcase", classname=document["provider"], name="the suite itself", time="0"
        )
        ElementTree.SubElement(case, "error", message=_clean(document["error"]))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _class(document: Document, clause: Document) -> str:
    return str(clause.get("provider", document["provider"]))


def _clean(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return "".join(
        c if c in "\t\n" or (c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c < "\ufffe") else "?" for c in text
    )
