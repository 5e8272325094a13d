"""No two public things of the program have one name: a name that a reader finds means one thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.servers import ROOT

SHARED = {"main", "pytest_addoption", "pytest_generate_tests"}
"""Names that a protocol demands: entry points, and the hooks of pytest."""


def public_names(source: str) -> Iterator[str]:
    """The names without an underscore that a module defines at its top."""
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found = [name]
            case ast.Assign(targets=targets):
                found = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                found = [name]
            case _:
                found = []
        yield from (name for name in found if not name.startswith("_"))


def defined_twice(sources: dict[str, str]) -> dict[str, list[str]]:
    """The names that more than one module defines, each with its modules."""
    places: dict[str, set[str]] = {}
    for module, source in sources.items():
        for name in public_names(source):
            places.setdefault(name, set()).add(module)
    return {name: sorted(found) for name, found in places.items() if len(found) > 1 and name not in SHARED}


def sources_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}


def test_a_public_name_is_defined_in_one_module() -> None:
    assert defined_twice(sources_below(ROOT / "src")) == {}


def test_a_name_that_two_modules_define_is_found() -> None:
    one = "LIMIT: int = 3\nA = B = 1\n_own = 2\n\n\ndef main() -> None: ...\n"
    other = "class B: ...\n\n\nasync def LIMIT(): ...\n\n\n_own = 3\n\n\ndef main() -> None: ...\n"
    assert defined_twice({"one": one, "other": other}) == {"B": ["one", "other"], "LIMIT": ["one", "other"]}


def test_the_page_about_the_architecture_names_modules_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py|\.json))`", page))
    top = [folder for folder in (ROOT, ROOT / "src" / "pollproof") if folder.is_dir()]
    assert len(named) > 30
    assert [name for name in sorted(named) if not any((folder / name).exists() for folder in top)] == []
