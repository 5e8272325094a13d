"""The three paths of a newcomer: docs/first-steps.md shows what the commands print, and this test runs them.

`python -m tests.documentation.test_first_steps > docs/first-steps.md` writes the page.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from pollproof.clock import ShiftedClock
from pollproof.loading import load_contract
from pollproof.proof.mutants import mutant_named
from pollproof.reference.server import serve
from pollproof.virtualtime import unavailable
from tests.documented.workshop import LIBRARY, MY_CLIENT
from tests.servers import ROOT, clean_environment, run_command

PAGE = ROOT / "docs" / "first-steps.md"

MUTANT = "capsolver.poll.terminal"
PORT = "http://127.0.0.1:8081"

PATHS: tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...] = (
    (
        "I have a server",
        "Here a reference provider with one rule broken stands in for it; its clock is moved through its hook.",
        (
            (
                f"pollproof verify capsolver --base-url {PORT} --advance-url {PORT}/_clock/advance "
                f"--examples 0 -k {MUTANT}",
                1,
            ),
            (f"pollproof explain {MUTANT}", 0),
        ),
    ),
    (
        "I have a client",
        "`solve.py` reads the address, the key and the task from its environment, and prints the solution.",
        (("pollproof gate capsolver --scenario smoke --scenario never-ready -- python solve.py", 0),),
    ),
    (
        "I have recordings",
        "`session.yaml` is a cassette of a client that does not wait between polls.",
        (
            ("pollproof check capsolver session.yaml", 1),
            ("pollproof check capsolver session.yaml --subject provider", 0),
        ),
    ),
)
"""Each path: its title, what stands in for the reader's own things, and its commands with their exit statuses."""

HEAD = """# First steps

Three paths, as a terminal shows them. The page is made by a test that runs the commands, so it says what they print;
ids, times and counts differ from run to run.

```sh
pip install pollproof
```
"""

CHANGING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8}-\.\.\.", "ID"),
    (r"http://127\.0\.0\.1:\d+", PORT),
    (r"/\S*/(?=session\.yaml)", ""),
    (r"\d[\d,.]* (?:s\b|ms\b|requests?|times)", "N"),
    (r"violated (?:\d[\d,]* of )?N", "violated N"),
    (r"page/\d+", "page/N"),
    (r"[ ]{2,}", "  "),
    (r"poll \d+|\d+ more of the same", "N"),
)
"""What differs between two runs of one command."""

TRACE = re.compile(r"N\b|\d+\.\d+ s |-> |slack: ")
"""Lines of a trace, and the slack: two runs do not show the same exchanges."""


def printed(command: str, folder: Path, base_url: str) -> tuple[str, int]:
    """What a command prints, and its exit status."""
    words = shlex.split(command.replace(PORT, base_url))
    words = [sys.executable if word == "python" else word for word in words]
    done = run_command(words[1:], clean_environment(), folder, 300, merged=True)
    text = done.stdout.replace(base_url, PORT).replace(shlex.quote(sys.executable), "python").replace(f"{folder}/", "")
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()), done.returncode


def recorded() -> str:
    """The page, by running its commands."""
    contract, clock = load_contract("capsolver"), ShiftedClock()
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as name, serve(mutant_named(contract, MUTANT).provider(clock), clock) as served:
        folder = Path(name).resolve()
        (folder / "solve.py").write_text(MY_CLIENT.replace("wait=0", "wait=3.1"), encoding="utf-8")
        (folder / "my_library.py").write_text(LIBRARY, encoding="utf-8")
        shutil.copy(ROOT / "cassettes" / "capsolver" / "bad" / "capsolver.client.wait.yaml", folder / "session.yaml")
        for title, words, commands in PATHS:
            parts.append(f"\n## {title}\n\n{words}\n")
            for command, expected in commands:
                text, status = printed(command, folder, served.base_url)
                assert status == expected, f"{command} ended with {status}, expected {expected}:\n{text}"
                parts.append(f"\n```text\n$ {command}\n{text}\n```\n")
    return "".join(parts)


def settled(text: str) -> list[str]:
    """The lines of a page without what differs between two runs."""
    for pattern, word in CHANGING:
        text = re.sub(pattern, word, text)
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if not TRACE.match(line)]


@pytest.mark.skipif(unavailable() is not None, reason="no virtual clock here")
def test_the_page_shows_what_the_commands_print() -> None:
    assert settled(recorded()) == settled(PAGE.read_text(encoding="utf-8")), (
        "python -m tests.documentation.test_first_steps"
    )


if __name__ == "__main__":
    sys.stdout.write(recorded())
