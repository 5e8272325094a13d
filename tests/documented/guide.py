"""What docs/adding-an-api.md tells to change in the contract that `pollproof new` writes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from tests.servers import ROOT

GUIDE = (ROOT / "docs" / "adding-an-api.md").read_text(encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    """Change a file where that text stands."""
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def rename_status(begun: Path) -> None:
    """Call work in progress otherwise, in the contract alone."""
    contract = begun / "my-api.toml"
    replace(contract, 'running = "running"', 'working = "running"')
    replace(contract, 'path = ["queued", "running", "done"]', 'path = ["queued", "working", "done"]')
    replace(contract, '"/status" = "running"', '"/status" = "working"')


def rename_in_schemas(begun: Path) -> None:
    """The same in the schemas."""
    for name in ("create", "poll"):
        replace(begun / "schemas" / "my-api" / f"{name}.response.schema.json", '"running"', '"working"')


def add_clause(begun: Path) -> str:
    """Add the clause about progress; the passage that the guide adds after it."""
    contract = begun / "my-api.toml"
    place, answer, clause, passage = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[4:8]
    replace(contract, "echo =", f"{place}echo =")
    replace(contract, 'running = { body = { id = "$task_id", status = "$status" } }\n', answer)
    replace(contract, "# What a client owes.\n", clause)
    replace(contract, '"my-api.poll.order",', '"my-api.poll.order", "my-api.poll.progress",')
    return str(passage)


def add_passage(begun: Path, passage: str) -> None:
    """Add a passage of a document of 14 lines, and the name that it refers to."""
    contract = begun / "my-api.toml"
    replace(contract, 'basis = "primary"\n', 'basis = "primary"\nlines = 14\n')
    replace(contract, "[[unspecified]]\n", '[[unspecified]]\nname = "final-progress"\n')
    contract.write_text(contract.read_text(encoding="utf-8") + "\n" + passage, encoding="utf-8")


def add_short_clauses(begun: Path, *, moved: bool) -> None:
    """Put the clauses of one line each at the top, with all others (`moved`) or beside them."""
    contract = begun / "my-api.toml"
    text = contract.read_text(encoding="utf-8")
    (short,) = [each for each in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL) if each.startswith("clauses = [")]
    if moved:
        known = {each["id"] for each in tomllib.loads(short)["clauses"]}
        others = [each for each in tomllib.loads(text)["clauses"] if each["id"] not in known]
        short = short.rstrip().removesuffix("]") + "".join(f"  {_in_line(each)},\n" for each in others) + "]\n"
        text = re.sub(r"^\[\[clauses\]\]\n(?:(?!\[).*\n)*", "", text, flags=re.MULTILINE)
    contract.write_text(f"{short}\n{text}", encoding="utf-8")


def _in_line(value: Any) -> str:
    """A value as TOML has it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_in_line(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_in_line, value)) + "]"
    return json.dumps(value)
