"""The wheel alone, in an empty directory, does the main job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, timeout=120)
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
    command = [sys.executable, "-m", "pollproof", "verify", "--profile", "quick", "--json", "report.json"]
    done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((empty / "report.json").read_text())
    assert {clause["verdict"] for clause in report["clauses"]} == {"held"}
    assert sorted(path.name for path in empty.iterdir()) == ["report.json"]
    where = [sys.executable, "-c", "import pollproof; print(pollproof.__file__)"]
    found = subprocess.run(where, cwd=empty, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(site))
