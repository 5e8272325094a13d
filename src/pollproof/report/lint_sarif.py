"""The findings of `pollproof lint` as SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pollproof.loading.lint import LintFinding
from pollproof.report.sarif import SARIF_SCHEMA
from pollproof.text import json_text
from pollproof.version import __version__


def lint_sarif(findings: Sequence[LintFinding], file: str) -> str:
    """One run with a result for each finding; `file` is the contract."""
    rules = sorted({each.rule for each in findings})
    run = {
        "tool": {
            "driver": {"name": "pollproof lint", "version": __version__, "rules": [{"id": rule} for rule in rules]}
        },
        "results": [_result(each, file) for each in findings],
        "columnKind": "unicodeCodePoints",
    }
    return json_text({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _result(finding: LintFinding, file: str) -> Any:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    text = f"{finding.what}: {finding.reason}. Remedy: {finding.remedy}."
    return {
        "ruleId": finding.rule,
        "level": finding.level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
