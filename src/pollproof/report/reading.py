"""Reading a JSON report back: what is not one, or only the beginning of one, is refused in one sentence."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pollproof.bundled import folder
from pollproof.errors import InputError
from pollproof.runs.outcome import Document
from pollproof.text import one_line
from pollproof.trace.bodies import read_real, read_whole
from pollproof.version import __version__

MAXIMUM_REPORT = 256 * 1024 * 1024
"""Bytes of a report that is read."""


class ReportError(InputError):
    """A file that is not a report; the text is one sentence."""


def read_report(file: str) -> Document:
    """The document in a file (`-` for standard input). Raises `ReportError`."""
    name = "standard input" if file == "-" else file
    text = _text(file, name)
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=read_real, parse_int=read_whole)
    except json.JSONDecodeError as error:
        raise ReportError(_no_json(name, text, error)) from None
    except RecursionError:
        raise ReportError(f"{name}: is not a report: it is nested too deeply") from None
    except ValueError as error:  # NaN, or a number of too many digits
        raise ReportError(f"{name}: is not a report: {one_line(str(error), 200)}") from None
    _check(name, value)
    document: Document = value
    return document


def _text(file: str, name: str) -> str:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(MAXIMUM_REPORT + 1)
        else:
            path = Path(file)
            if path.is_file() and path.stat().st_size > MAXIMUM_REPORT:
                raise ReportError(f"{name}: is larger than {MAXIMUM_REPORT // 1024 // 1024} MiB")
            data = path.read_bytes()
        if len(data) > MAXIMUM_REPORT:
            raise ReportError(f"{name}: is larger than {MAXIMUM_REPORT // 1024 // 1024} MiB")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ReportError(f"{name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ReportError(f"{name}: is not a report: it is not UTF-8 (byte {error.start})") from None
    except ValueError as error:
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"{name!r}: cannot be read ({error})") from None


def _no_json(name: str, text: str, error: json.JSONDecodeError) -> str:
    if not text.strip():
        return f"{name}: is empty; a run that was killed before it could write anything leaves that"
    where = f"line {error.lineno}, column {error.colno}"
    ended = error.pos >= len(text.rstrip()) - len("false") or "Unterminated" in error.msg
    if text.lstrip().startswith("{") and ended:
        return f"{name}: is truncated: it ends in the middle of the report, at line {text.count(chr(10)) + 1}"
    return f"{name}: is not JSON ({where}: {error.msg})"


def _refused(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is not JSON")


def _check(name: str, value: Any) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    if not isinstance(value, dict) or "pollproof" not in value or "clauses" not in value:
        raise ReportError(
            f"{name}: is JSON, but not a report of pollproof (--json of verify, check or gate writes one)"
        )
    try:
        error = best_match(Draft202012Validator(_schema()).iter_errors(value))
    except RecursionError:
        raise ReportError(f"{name}: is not a report: it is nested too deeply") from None
    if error is None:
        return
    place = "/".join(str(step) for step in error.absolute_path) or "its top level"
    version = value["pollproof"]
    other = "" if version == __version__ else f" (it was written by version {one_line(str(version), 40)})"
    raise ReportError(
        f"{name}: is not a report of pollproof {__version__}{other}: {place}: {one_line(error.message, 200)}"
    )


@cache
def _schema() -> Any:
    return json.loads((folder("schemas") / "pollproof" / "report.schema.json").read_text(encoding="utf-8"))
