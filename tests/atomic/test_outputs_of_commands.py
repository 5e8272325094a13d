"""What commands write, and what the machine refuses to them: one sentence, status 2 or 4, and nothing damaged."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pollproof.bundled import folder
from tests.commands import ROOT, USUAL, run_command

TAPE = str(next(path for path in sorted(folder("cassettes").rglob("*.yaml")) if path.parent.name == "capsolver"))
CHECK = ["check", "capsolver", TAPE]


def run(
    *arguments: str, limit: Callable[[], None] | None = None, shell: str = "", cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    if limit is None and not shell:
        return run_command(arguments, {**os.environ, **USUAL}, cwd)
    command = [sys.executable, "-m", "pollproof", *arguments]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    known = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # what is cut by a limit must not be loaded by later tests
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=limit, cwd=cwd, env=known
    )


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode in (2, 4), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(("Error: ", "error: "))
    return line


def test_reports_go_to_devices_pipes_and_links(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "end.json")
    done = run(*CHECK, "--json", str(tmp_path / "link.json"), "--html", "/dev/null", "--markdown", "/dev/stderr")
    assert done.returncode == 0, done.stderr
    assert stat.S_ISCHR(os.lstat("/dev/null").st_mode)
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "end.json").read_text())["outcome"] == "passed"
    assert done.stderr.count("pollproof") >= 1


def test_a_report_on_standard_output_follows_what_was_printed(tmp_path: Path) -> None:
    done = run(*CHECK, "--quiet", "--json", "/dev/stdout", shell=f"> {tmp_path}/out")
    text = (tmp_path / "out").read_text()
    assert done.returncode == 0, done.stderr
    assert text.count('"outcome"') >= 1
    assert json.loads(text[text.index("{\n") :])["outcome"] == "passed"


def test_a_full_disk_leaves_the_old_report_and_says_that_it_is_old(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("{}")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    line = one_sentence(run(*CHECK, "--json", str(report), limit=limit))
    assert "report.json: cannot be written (File too large); what the file holds is not from this run" in line
    assert report.read_text() == "{}"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_one_file_that_cannot_be_written_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    line = one_sentence(run(*CHECK, "--json", "/dev/full", "--markdown", str(tmp_path / "report.md")))
    assert "/dev/full: cannot be written (No space left on device)" in line
    assert (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("name", ["n" * 300 + ".json", ".", "missing/report.json", "loop"])
@pytest.mark.parametrize(
    "command",
    [
        [*CHECK, "--json"],
        ["export", "openapi", "capsolver", "--out"],
        ["drift", TAPE, TAPE, "--json"],
        [*CHECK, "--write-baseline"],
    ],
    ids=["check", "export", "drift", "baseline"],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, command: list[str], name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    line = one_sentence(run(*command, name, cwd=tmp_path))
    assert name[:100] in line
    assert len(line) < 400


@pytest.mark.parametrize("name", ["n" * 300 + ".json", "n" * 5000])
@pytest.mark.parametrize(
    "command",
    [["check", "capsolver"], ["clauses"], ["report", "--markdown", "-"], ["verify", "--task"], ["drift", TAPE]],
    ids=["check", "clauses", "report", "verify", "drift"],
)
def test_a_name_that_is_too_long_is_refused(tmp_path: Path, command: list[str], name: str) -> None:
    one_sentence(run(*command, name, cwd=tmp_path))


@pytest.mark.parametrize("most", [7, 12])
def test_too_many_open_files_are_no_verdict(tmp_path: Path, most: int) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # noqa: E731
    done = run("gate", "capsolver", "--", "true", limit=limit, cwd=tmp_path)
    assert done.returncode in (2, 4), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "open files" in done.stderr + done.stdout


def test_a_closed_standard_output_is_never_a_verdict(tmp_path: Path) -> None:
    done = run(*CHECK, "--json", "-", shell="> >(exec true) 2>/dev/null; echo $? >&2")
    assert done.stderr.strip() in ("0", "4")


@pytest.mark.parametrize("command", [CHECK, ["clauses", "capsolver"], ["verify", "--help"]])
@pytest.mark.parametrize("shell", [">&-", "<&- >&-"])
def test_without_a_standard_output_the_command_ends_in_one_sentence(
    tmp_path: Path, command: list[str], shell: str
) -> None:
    done = run(*command, shell=shell, cwd=tmp_path)
    assert done.returncode == 4
    assert one_sentence(done).startswith("error: standard output is closed")


def test_without_a_standard_error_the_verdict_is_the_same(tmp_path: Path) -> None:
    assert run(*CHECK, shell="2>&-", cwd=tmp_path).returncode == run(*CHECK, cwd=tmp_path).returncode


def test_a_live_run_whose_record_cannot_be_begun_sends_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))  # noqa: E731
    live = ["verify", "capsolver", "--base-url", "http://127.0.0.1:9", "--live", "--yes", "--record", "live.yaml"]
    done = run(*live, limit=limit, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stderr
    assert "live.yaml: cannot be written (the disk is full)" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_recording_to_a_circle_of_links_is_refused_before_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    words = ["record", "capsolver", "--base-url", "http://127.0.0.1:9", "--out", "loop.yaml", "--overwrite"]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "loop.yaml: is a symbolic link that leads back to itself" in one_sentence(done)


INTERRUPTED = """
import os, signal
from pollproof.processes import watchdog_client
_, watching = watchdog_client._watchdog_of(os.getpid())
wait = watching.wait
watching.wait = lambda: (os.kill(os.getpid(), signal.SIGINT), wait())
"""


def test_an_interrupt_at_the_very_end_says_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
