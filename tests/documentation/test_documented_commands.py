"""Every command that the documents show is run; one that nobody here knows how to run fails with its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented.blocks import Block, Command, blocks_of, commands_of
from tests.documented.knowledge import ELSEWHERE, UnknownCommand, put_in, run
from tests.documented.workshop import Workshop, workshop
from tests.lanes import only
from tests.servers import ROOT, clean_environment

FILES = ["README.md", "contracts/README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
BLOCKS = {name: blocks_of(ROOT / name, name) for name in FILES}
COMMANDS = {name: [command for block in blocks for command in commands_of(block)] for name, blocks in BLOCKS.items()}
PYTHON = [block for blocks in BLOCKS.values() for block in blocks if block.language == "python"]
SHOWN = frozenset({"", "sh", "python", "toml", "yaml", "text", "json"})

WITH_COMMANDS = [name for name in FILES if COMMANDS[name] and not name.startswith("docs/tutorial-")]
"""Pages whose commands are run here; tutorials are followed by test_tutorials.py."""

NAMES = """
import my_client
from my_library import Client
from my_library import Client as MyClient

API_KEY = "YOUR_API_KEY"

"""
"""What the test files of a reader have besides what the documents show."""


TWICE = ("docs/in-process.md", "docs/launch.md")
"""Pages whose commands another page has too (docs/provider.md), or whose test another test runs: in the long lane."""


@pytest.mark.parametrize("name", only(WITH_COMMANDS, [name for name in WITH_COMMANDS if name not in TWICE]))
def test_every_command_of_a_document_does_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with workshop(tmp_path) as shop:
        for block in BLOCKS[name]:
            if block.script:
                (tmp_path / block.script).write_text(block.text, encoding="utf-8")
                client = "pollproof gate capsolver -- " if "POLLPROOF_" in block.text else ""
                run(Command(name, block.line, f"{client}python {block.script}"), shop)
            if block.language == "toml" and "[targets." in block.text:
                (tmp_path / "pollproof.toml").write_text(put_in(block.text, shop), encoding="utf-8")
            if block.language == "python" and "def test_my_client(base_url" in block.text:
                (tmp_path / "test_my_client.py").write_text(NAMES + block.text, encoding="utf-8")
            for command in commands_of(block):
                run(command, shop)


def test_every_test_that_a_document_shows_passes(tmp_path: Path) -> None:
    tests = [block for block in PYTHON if not block.script]
    assert all("def test_" in block.text for block in tests), "a block of Python that is no test says what file it is"
    with workshop(tmp_path) as shop:
        for number, block in enumerate(tests):
            sort = "gated" if "@client" in block.text else "whole"
            (tmp_path / f"test_{sort}_{number}.py").write_text(NAMES + block.text, encoding="utf-8")
        (tmp_path / "tape.yaml").unlink()  # one of the tests records it
        files = sorted(map(str, tmp_path.glob("test_*")))
        words = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", ".", "-c", "/dev/null"]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                *words,
                "-k",
                "whole or smoke",
                *files,
            ],
            cwd=tmp_path,
            env=clean_environment(POLLPROOF_BASE_URL=shop.served("8080").base_url, PYTHONPATH=str(ROOT / "src")),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(tests)} passed" in done.stdout


def test_the_application_that_is_launched_with_others_is_shown_as_it_is() -> None:
    [block] = [block for block in PYTHON if block.file == "docs/launch-together.md"]
    application = (ROOT / "tests" / "wild" / "flower" / "app.py").read_text(encoding="utf-8")
    assert block.text == f"# app.py\n{application}"


EXPLANATIONS = frozenset(
    {
        "docs/architecture.md",
        "docs/comparison.md",
        "docs/first-steps.md",
        "docs/launch-together.md",
        "docs/clause-kinds.md",
        "docs/from-a-sentence-to-a-clause.md",
        "docs/python.md",
        "docs/reliability.md",
        "docs/traces.md",
        "docs/trophies.md",
    }
)
"""Pages that explain and show no command, or are made of commands that were run."""


def test_every_guide_shows_commands_that_are_found() -> None:
    for name in FILES:
        if (name.startswith("docs/") or name == "README.md") and name not in EXPLANATIONS:
            assert COMMANDS[name], f"{name}: no command was found in it"
        for block in BLOCKS[name]:
            assert block.language in SHOWN, f"{block.file}:{block.line}: a block of '{block.language}'"


def test_the_index_of_the_documentation_leads_to_every_page() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [name.removeprefix("docs/") for name in FILES if name.startswith("docs/") and name != "docs/index.md"]
    assert [page for page in pages if f"]({page})" not in text] == []
    assert "](docs/index.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", ELSEWHERE)
def test_every_exception_is_one_that_a_document_needs(pattern: str) -> None:
    import re

    assert any(re.match(pattern, command.text) for commands in COMMANDS.values() for command in commands)


# ------------------------------------------------------------------------------------ that it can fail


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.chdir(tmp_path)
    with workshop(tmp_path) as found:
        return found


def test_a_program_that_nobody_knows_fails_with_its_place(shop: Workshop) -> None:
    block = Block("docs/new.md", 12, "sh", "pollproof clauses cnode\n\ncurl \\\n  http://example.invalid\n")
    known, unknown = commands_of(block)
    assert unknown == Command("docs/new.md", 14, "curl    http://example.invalid")
    run(known, shop)
    with pytest.raises(UnknownCommand, match=r"docs/new\.md:14: nobody knows how to run 'curl"):
        run(unknown, shop)


@pytest.mark.parametrize("text", ["pollproof verify --no-such-option", "pollproof prove", "pollproof explain nothing"])
def test_a_command_that_is_no_longer_right_fails_with_its_place(shop: Workshop, text: str) -> None:
    with pytest.raises(AssertionError, match=r"docs/old\.md:3: .* ended with 2, expected 0"):
        run(Command("docs/old.md", 3, text), shop)


def test_commands_are_read_with_their_lines_and_without_comments() -> None:
    text = "a --b 1   # why\nc && d\n# nothing\ne &\n"
    assert [(each.line, each.text) for each in commands_of(Block("x", 1, "sh", text))] == [
        (1, "a --b 1"),
        (2, "c"),
        (2, "d"),
        (4, "e &"),
    ]
    steps = "steps:\n  - uses: x\n  - run: pollproof verify\n"
    assert commands_of(Block("x", 1, "yaml", steps)) == [Command("x", 3, "pollproof verify")]
    assert commands_of(Block("x", 1, "", "pollproof verify\n")) == []
