"""`verify --watch`: the run is made again when a file of the launched server changes, and at nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from pollproof.cli.main import cli
from tests.servers import ROOT, clean_environment

SECONDS = 90.0


def until(file: Path, words: str, times: int) -> str:
    """Wait until a file has some words so often."""
    latest = time.monotonic() + SECONDS
    while (text := file.read_text(encoding="utf-8")).count(words) < times:
        assert time.monotonic() < latest, text
        time.sleep(0.1)
    return text


def test_a_run_is_made_again_when_a_file_of_the_server_changes(tmp_path: Path) -> None:
    for name in ("threads.py", "service.py"):
        shutil.copy(ROOT / "tests" / "launched" / name, tmp_path)
    out = tmp_path / "out.txt"
    command, words = f"{sys.executable} threads.py {{port}}", ["--examples", "0", "-k", "poll.status", "-q", "--watch"]
    with out.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "pollproof", "verify", "capsolver", "--launch", command, *words],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=stream,
            stderr=stream,
        )
        try:
            until(out, "watching 2 files", 1)
            (tmp_path / "server.log").write_text("what a server writes", encoding="utf-8")
            time.sleep(1.5)
            assert until(out, "watching 2 files", 1).count("watching") == 1
            os.utime(tmp_path / "service.py")
            text = until(out, "watching 2 files", 2)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert text.count("PASSED: ") == 2, text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "--watch goes with --launch: it runs again when the files of the launched server change"),
        (("--launch", "sleep {port}"), "--watch: no source file below ."),
    ],
)
def test_what_cannot_be_watched_is_refused(
    words: tuple[str, ...], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["verify", "capsolver", "--watch", *words])
    assert done.exit_code == 2
    assert problem in done.stderr
