"""The wheel alone, in an empty directory, does the main job."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.lanes import long

ROOT = Path(__file__).resolve().parents[2]

MOMENT = {"SOURCE_DATE_EPOCH": "1767225600"}
"""What a build says of its time."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as it is built where nothing is installed but the build backend and its own dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    needs = folder / "needs"
    needs.mkdir()
    for name in ("hatchling", "pathspec", "pluggy", "packaging", "trove_classifiers"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        (needs / name).symlink_to(Path(found.origin).parent)
    command = [sys.executable, "-S", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    environment = {**os.environ, **MOMENT, "PYTHONPATH": str(needs)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_the_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("contracts/capsolver.toml", "contracts/test_clauses.py", "schemas/capsolver/samples.json", "py.typed"):
        assert f"pollproof/{name}" in names
    assert not [name for name in names if name.startswith(("tests/", "conftest")) or "__pycache__" in name]


def test_the_wheel_alone_verifies(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "pollproof", "verify", "--examples", "0", "--json", "report.json"]
    done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((empty / "report.json").read_text())
    assert {clause["verdict"] for clause in report["clauses"]} == {"held"}
    assert sorted(path.name for path in empty.iterdir()) == ["report.json"]
    where = [sys.executable, "-c", "import pollproof; print(pollproof.__file__)"]
    found = subprocess.run(where, cwd=empty, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(site))


def test_the_metadata_leads_to_the_documentation_and_the_changelog(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
    text = archive.read(name).decode()
    for line in (
        "Project-URL: Documentation, ",
        "Project-URL: Changelog, ",
        "Author: ",
        "License-Expression: MIT",
        "Keywords: ",
    ):
        assert f"\n{line}" in text


@long
def test_a_wheel_is_the_same_byte_for_byte_whenever_and_however_it_is_built(wheel: Path, tmp_path: Path) -> None:
    """By pip from the tree, and from the source distribution."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w"]
    for number, source in enumerate([ROOT, *tmp_path.glob("*.tar.gz")]):
        folder = tmp_path / str(number)
        subprocess.run([*command, str(folder), str(source)], check=True, timeout=120, env={**os.environ, **MOMENT})
        (built,) = folder.glob("*.whl")
        assert built.name == wheel.name
        assert built.read_bytes() == wheel.read_bytes()
    assert number == 1
