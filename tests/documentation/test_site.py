"""The documentation site: built without a network, its pages from code say what the code says, its links hold."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pollproof.cli.main import COMMANDS
from pollproof.loading import load_contract
from tests.servers import ROOT


@pytest.fixture(scope="module")
def pages() -> Any:
    specification = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.generated_pages()


def test_every_command_has_its_help_on_the_page_of_commands(pages: Any) -> None:
    text = pages["reference/commands.md"]
    assert [name for name in COMMANDS if f"\n## pollproof {name}\n" not in text] == []
    assert "--base-url" in text


def test_the_page_of_an_api_names_every_clause_that_its_primary_documents_state(pages: Any) -> None:
    contract = load_contract("capsolver")
    stated = {name for passage in contract.passages for name in passage.clauses}
    assert [name for name in stated if f"`{name}`" not in pages["apis/capsolver.md"]] == []


def test_the_site_builds_and_its_links_hold(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is in the group `docs`")
    pytest.importorskip("material", reason="mkdocs-material is in the group `docs`")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert "fonts.g" not in page
    assert (tmp_path / "site" / "search" / "search_index.json").stat().st_size > 100_000
