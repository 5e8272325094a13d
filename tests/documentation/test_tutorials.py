"""The tutorials, followed to the letter in an empty folder: files are saved, commands run, and print what is shown."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documented.blocks import SHELL, Block, blocks_of
from tests.lanes import only
from tests.servers import ROOT, clean_environment, free_port

PAGES = ("tutorial-server.md", "tutorial-client.md", "tutorial-recordings.md")
QUICK = PAGES[1:]  # a whole run against a launched server takes ten seconds of processor time
STATUS = {"PASSED": 0, "NO DRIFT": 0, "VIOLATED": 1, "INCONCLUSIVE": 3}


class Terminal:
    """A terminal in an empty folder, with pollproof on its path."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = str(free_port())
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = clean_environment(PATH=path, PYTHONPATH=str(ROOT / "src"), NO_PROXY="*")
        self._serving: list[subprocess.Popen[bytes]] = []

    def save(self, block: Block) -> None:
        assert block.script is not None
        (self._home / block.script).write_text(self._own(block.text), encoding="utf-8")

    def run(self, line: str) -> tuple[int, str]:
        """Run one line; its exit status, and what it has printed. One that goes on in the background is waited for."""
        words = shlex.split(self._own(line.removesuffix("&")))
        if words[0] == "python":
            words[0] = sys.executable
        if words[0] == "pollproof":
            words[:1] = [sys.executable, "-m", "pollproof"]
        if line.endswith("&"):
            self._serving.append(subprocess.Popen(words, cwd=self._home, env=self._environment, stdout=-3, stderr=-3))
            self._await()
            return 0, ""
        done = subprocess.run(
            words, cwd=self._home, env=self._environment, capture_output=True, text=True, timeout=180, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def _own(self, text: str) -> str:
        """With a port that is free in place of the one that the page names."""
        return text.replace("8080", self._port)

    def _await(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as found:
                if found.connect_ex(("127.0.0.1", int(self._port))) == 0:
                    return
            assert self._serving[-1].poll() is None, "the server of the page has ended"
            time.sleep(0.05)  # there is no other sign that a program of its own listens
        raise AssertionError("the server of the page does not listen")

    def close(self) -> None:
        for serving in self._serving:
            serving.terminate()
            serving.wait(20)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("page", only(PAGES, QUICK))
def test_a_tutorial_can_be_followed_to_the_letter(page: str, terminal: Terminal) -> None:
    blocks = blocks_of(ROOT / "docs" / page, page)
    printed, status, commands = "", 0, 0
    for number, block in enumerate(blocks):
        if block.script is not None:
            terminal.save(block)
        elif block.language in SHELL:
            shown = (
                blocks[number + 1].text if number + 1 < len(blocks) and blocks[number + 1].language == "text" else ""
            )
            for line in block.text.splitlines():
                status, printed = terminal.run(line)
                commands += 1
                assert status == 0 or line == block.text.splitlines()[-1], f"{page}: {line}\n{printed}"
            outcome = next((word for word in STATUS if any(one.startswith(word) for one in shown.splitlines())), None)
            assert status == STATUS.get(outcome or "PASSED"), f"{page}: {block.text}\n{printed}"
            for line in shown.splitlines():
                assert line.strip() in printed, f"{page} shows '{line}'\n{printed}"
    assert commands >= 4
