"""Files are written whole or not at all, and never over what is not a regular file."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pollproof.atomic import is_replaceable, refusal, write_file


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """As if the disk were full after so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def alone(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_new_file_has_the_permissions_that_new_files_get(tmp_path: Path) -> None:
    write_file(tmp_path / "new", "ä")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "new").read_bytes() == "ä".encode()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert alone(tmp_path, "new", "plain")


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664])
def test_the_permissions_of_a_file_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(mode)
    write_file(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "dangling"])
def test_a_symbolic_link_is_followed_to_its_end(tmp_path: Path, there: bool) -> None:
    (tmp_path / "deep").mkdir()
    end, link = tmp_path / "deep" / "end", tmp_path / "link"
    if there:
        end.write_text("old")
    (tmp_path / "second").symlink_to("deep/end")
    link.symlink_to("second")
    write_file(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "second").is_symlink()
    assert end.read_text() == "new"
    assert alone(tmp_path / "deep", "end")


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write_file(tmp_path / "a", "x")
    assert alone(tmp_path, "a", "b")


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, b"x" * 200_000)
    reader.join(10)
    assert got == [b"x" * 200_000]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert not is_replaceable(pipe)


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    write_file("/dev/null", "x")
    assert stat.S_ISCHR(os.lstat("/dev/null").st_mode)
    assert not is_replaceable("/dev/null")
    if os.geteuid() == 0:  # where a file could take its place
        node = tmp_path / "node"
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        write_file(node, "x")
        assert stat.S_ISCHR(node.lstat().st_mode)
    with pytest.raises(OSError, match="No space left"):
        write_file("/dev/full", "x")


PROGRAM = """
import sys
from pollproof.atomic import is_replaceable, write_file
print("before")
assert not is_replaceable(sys.argv[1])
write_file(sys.argv[1], "the report\\n")
print("after")
"""


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_standard_output_is_written_in_order(tmp_path: Path, name: str, kind: str) -> None:
    if name == "link":
        (tmp_path / "link").symlink_to("/dev/stdout")
        name = str(tmp_path / "link")
    command = [sys.executable, "-c", PROGRAM, name]
    if kind == "pipe":
        text = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    else:
        with open(tmp_path / "out", "wb") as stream:
            subprocess.run(command, stdout=stream, check=True)
        text = (tmp_path / "out").read_bytes()
    assert text == b"before\nthe report\nafter\n"


def test_process_substitution_is_written_to(tmp_path: Path) -> None:
    script = f'exec 3>"{tmp_path}/copy"; "{sys.executable}" -c \'{PROGRAM}\' >(cat >&3); sleep 0.2'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "copy").read_text() == "the report\n"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with full_disk(4096), pytest.raises(OSError, match="File too large") as caught:
        write_file(path, "x" * 10_000)
    assert path.read_text() == "old"
    assert alone(tmp_path, "report.json")
    assert refusal(path, caught.value) == (
        f"{path}: cannot be written (File too large); what the file holds is not from this run"
    )
    assert "holds" not in refusal(tmp_path / "none", caught.value)


def test_a_file_that_exists_is_kept_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    write_file(path, "first", overwrite=False)
    with pytest.raises(FileExistsError):
        write_file(path, "second", overwrite=False)
    assert path.read_text() == "first"
    assert alone(tmp_path, "tape")


def test_of_writers_at_the_same_time_one_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "report"
    texts = [letter * 50_000 for letter in "abcdefgh"]
    threads = [threading.Thread(target=write_file, args=(path, text)) for text in texts for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert alone(tmp_path, "report")


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127])
def test_a_name_as_long_as_can_be_is_written(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / name, "x")
    assert alone(tmp_path, name)


@pytest.mark.parametrize("name", ["n" * 300, "missing/x", "."])
def test_what_cannot_be_a_file_is_an_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):
        write_file(tmp_path / name, "x")
    assert alone(tmp_path)


def test_without_files_that_have_no_name_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / "x"
    write_file(path, "one", overwrite=False)
    write_file(path, "two")
    with pytest.raises(FileExistsError):
        write_file(path, "three", overwrite=False)
    with full_disk(4096), pytest.raises(OSError):
        write_file(path, "x" * 10_000)
    assert path.read_text() == "two"
    assert alone(tmp_path, "x")


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("a" * 3_000_000)
    program = (
        "import sys\nfrom pollproof.atomic import write_file\nprint(flush=True)\n"
        "while True:\n    for letter in 'ab':\n        write_file(sys.argv[1], letter * 3_000_000)\n"
    )
    for delay in (0.01, 0.02, 0.05):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        text = path.read_text()
        assert len(text) == 3_000_000
        assert len(set(text)) == 1
