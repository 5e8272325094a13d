"""Pages of the documentation site that are made from the code, so that they cannot disagree with it.

mkdocs loads this file as a hook (see mkdocs.yml): it adds the pages below `reference/` and `apis/`, and leads links to
files of the repository to the page that shows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pollproof.bundled import bundled, folder
from pollproof.cli.main import COMMANDS, cli
from pollproof.contract.model import Contract
from pollproof.loading import load_contract
from pollproof.report.rule_book.coverage import passage_rows

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"../contracts/README.md": "reference/rule-book.md"}
"""Files of the repository that pages link to, and the page of the site that shows them."""

VARIABLES = (
    ("POLLPROOF_API_KEY", "verify, record: the key of the target, instead of `--api-key`"),
    ("POLLPROOF_TARGET, POLLPROOF_CONFIG", "the target, and the configuration file, instead of `--target`, `--config`"),
    ("POLLPROOF_PROFILE, POLLPROOF_MAX_WAIT", "instead of `--profile`, `--max-wait`"),
    ("POLLPROOF_ALLOW_HOST, POLLPROOF_BASELINE", "instead of `--allow-host`, `--baseline`"),
    ("POLLPROOF_BASE_URL", "set for a client under test: the address to use instead of the provider's"),
    ("POLLPROOF_TASK", "set for a client under test: the task to create, as JSON"),
    ("POLLPROOF_SCENARIO", "set for a client under test: the name of the scenario"),
    ("NO_COLOR", "no colour on a terminal"),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "proxies on the way to a target"),
    ("GITHUB_ACTIONS", "`true`: violations are printed as annotations of the job too"),
)
"""The environment variables that are read or set, and what they do."""


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for address, text in generated_pages().items():
        files.append(File.generated(config, address, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead links to files of the repository to the pages that show them."""
    up = "../" * page.file.src_uri.count("/")
    for file, address in PAGES.items():
        markdown = markdown.replace(f"]({file}", f"]({up}{address}")
    return re.sub(r"\[([^\]]*)\]\((?:\.\./)+(?!reference|apis)[\w./-]*\)", r"\1", markdown) if not up else markdown


def generated_pages() -> dict[str, str]:
    """The text of each generated page, by its address in the site."""
    pages = {
        "reference/rule-book.md": _rule_book(),
        "reference/commands.md": "\n".join(_commands()) + "\n",
        "reference/environment.md": "\n".join(_environment()) + "\n",
    }
    for name, title in (
        ("contract", "Contract files"),
        ("report", "The JSON report"),
        ("configuration", "Configuration file"),
    ):
        pages[f"reference/{name}-schema.md"] = "\n".join(_schema(name, title)) + "\n"
    for name in bundled():
        pages[f"apis/{name}.md"] = "\n".join(_api(load_contract(name))) + "\n"
    return pages


def _rule_book() -> str:
    """The rule book; its links to contract files lead nowhere in the site, so the names alone are shown."""
    text = (folder("contracts") / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\[(`[\w.-]+\.toml`)\]\([\w.-]+\)", r"\1", text)


def _commands() -> Iterator[str]:
    yield from ("# Commands and options", "", cli.epilog or "", "")
    root = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        context = click.Context(command, info_name=f"pollproof {name}")
        yield from (f"## pollproof {name}", "", "```text", command.get_help(context).rstrip(), "```", "")


def _environment() -> Iterator[str]:
    yield from ("# Environment variables", "", "| variable | meaning |", "|---|---|")
    for name, meaning in VARIABLES:
        yield f"| `{name}` | {meaning} |"


def _schema(name: str, title: str) -> Iterator[str]:
    """One table for each object of a published schema: member, type, whether it must be there, meaning."""
    path = folder("schemas") / "pollproof" / f"{name}.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    yield from (
        f"# {title}",
        "",
        f"{schema.get('description', '')} The schema is `{schema.get('$id', path.name)}`.",
        "",
    )
    yield from _members("The whole", schema)
    for key, definition in schema.get("$defs", {}).items():
        yield from _members(key, definition)


def _members(heading: str, schema: dict[str, Any]) -> Iterator[str]:
    members = schema.get("properties")
    if not members:
        return
    yield from (f"## {heading}", "", schema.get("description", ""), "", "| member | type | meaning |", "|---|---|---|")
    required = set(schema.get("required", ()))
    for key, member in members.items():
        sort = member.get("type") or member.get("$ref", "").rpartition("/")[2] or "any"
        words = ", ".join(sort) if isinstance(sort, list) else str(sort)
        must = " (required)" if key in required else ""
        yield f"| `{key}` | {words}{must} | {_cell(member.get('description', ''))} |"
    yield ""


def _api(contract: Contract) -> Iterator[str]:
    """What a contract makes of each line of its documents."""
    yield from (f"# {contract.title}", "", f"`pollproof verify {contract.name}`", "")
    yield from ("| lines | what they say | judged by | left open |", "|---|---|---|---|")
    for row in passage_rows(contract):
        if row["rule"]:
            clauses = "<br>".join(f"`{name}`" for name in (*row["clauses"], *row["observations"]))
            left = "<br>".join(_cell(entry["reason"]) for entry in row["unspecified"])
            yield f"| {row['document'][:3]} {row['lines']} | {_cell(row['says'])} | {clauses} | {left} |"
    yield from ("", "## Contradictions of the documents", "")
    yield from (f"* {_cell(slip.what)} *{_cell(slip.treatment)}*" for slip in contract.slips)


def _cell(text: str) -> str:
    """Text as it may stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
