"""Run other people's tests with pollproof and the most used pytest plugins installed: `python -m tests.neighbours`.

For pytest 8 and 9 an environment of its own is made. In it the same small project runs without pollproof's plugin and
with it, with warnings as errors, and must come to the same result; the plugins are loaded in both orders, each alone
and all together. At the end it says what pollproof adds to the start of pytest. It takes some minutes and needs a
package index; exit status 1 means that a run differed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLUGINS = {
    "pytest-base-url": "pytest_base_url.plugin",
    "pytest-playwright": "pytest_playwright.pytest_playwright",
    "pytest-django": "pytest_django.plugin",
    "pytest-asyncio": "pytest_asyncio.plugin",
    "pytest-randomly": "pytest_randomly",
    "pytest-cov": "pytest_cov.plugin",
    "pytest-xdist": "xdist.plugin",
    "pytest-timeout": "pytest_timeout",
    "pytest-rerunfailures": "pytest_rerunfailures",
    "pytest-html": "pytest_html.plugin",
    "pytest-benchmark": "pytest_benchmark.plugin",
    "pytest-mock": "pytest_mock",
    "pytest-bdd": "pytest_bdd.plugin",
    "pytest-env": "pytest_env.plugin",
    "pytest-sugar": "pytest_sugar",
    "pytest-split": "pytest_split.plugin",
    "anyio": "anyio.pytest_plugin",
    "schemathesis": "schemathesis.pytest.plugin",
    "hypothesis": "_hypothesis_pytestplugin",
    "pytest-httpx": "pytest_httpx",
}
"""The most used plugins: the distribution and the module that pytest loads."""

OURS = "pollproof.pytest_plugin.plugin"
ROOT = Path(__file__).resolve().parent.parent.parent

TEST = "def test_that_passes():\n    pass\n"
CONFTEST = """
def pytest_addoption(parser):
    for name in ("--seed", "--profile", "--task", "--live", "--budget", "--record", "--provider", "--launch"):
        try:
            parser.addoption(name, default="theirs")
        except ValueError:  # a plugin of this environment has it
            pass
    parser.addini("provider", "a setting of theirs")
"""


def run(python: Path, project: Path, *arguments: str, autoload: bool) -> tuple[int, str]:
    """The exit status of pytest and what it printed."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    environment.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    if not autoload:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [str(python), "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def make(folder: Path, pytest: str) -> Path:
    """An environment with pollproof and what of the plugins goes with that pytest; its Python."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pytest{pytest}"]
    subprocess.run([*install, "--editable", str(ROOT)], check=True)
    if subprocess.run([*install, *PLUGINS], check=False).returncode:
        for name in PLUGINS:
            if subprocess.run([*install, name], check=False).returncode:
                print(f"  {name} does not go with pytest{pytest} and was left out")
    return python


def compare(python: Path, project: Path) -> list[str]:
    """What differs with pollproof's plugin."""
    wrong = []

    def same(what: str, without: list[str], with_it: list[str], *, autoload: bool) -> None:
        before = run(python, project, *without, autoload=autoload)
        after = run(python, project, *with_it, autoload=autoload)
        if before[0] != after[0]:
            wrong.append(f"{what}: exit status {before[0]} without pollproof, {after[0]} with it\n{after[1]}")

    for further in (
        [],
        ["-p", "no:xdist"],
        ["-p", "no:randomly"],
        ["-p", "no:base_url", "-p", "no:playwright"],
        ["--strict-markers", "--strict-config"],
        ["-n", "2"],
    ):
        same(f"all plugins, {further}", ["-p", "no:pollproof", *further], further, autoload=True)
    for name, module in PLUGINS.items():
        if run(python, project, "-p", module, autoload=False)[0]:
            continue  # it needs what the others bring
        same(f"{name}, then pollproof", ["-p", module], ["-p", module, "-p", OURS], autoload=False)
        same(f"pollproof, then {name}", ["-p", module], ["-p", OURS, "-p", module], autoload=False)
    return wrong


def start_up(python: Path, project: Path, repeats: int) -> float:
    """How many times as long an empty run takes with pollproof's plugin, everything else left out."""
    ways: dict[str, list[float]] = {"-rN": [], "-p": []}
    for _ in range(repeats):
        for way, times in ways.items():
            arguments = ["-p", OURS] if way == "-p" else []
            began = time.perf_counter()
            run(python, project, *arguments, autoload=False)
            times.append(time.perf_counter() - began)
    return statistics.median(after / before for before, after in zip(ways["-rN"], ways["-p"], strict=True))


def main() -> int:
    """Compare in one environment after the other; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.neighbours", description=__doc__)
    parser.add_argument("--pytest", nargs="*", default=["<9", ">=9"], help="Versions of pytest to install.")
    parser.add_argument("--repeats", type=int, default=15, help="Repeats of the measurement of the start.")
    options = parser.parse_args()
    failed = False
    for version in options.pytest:
        with tempfile.TemporaryDirectory() as folder:
            python = make(Path(folder) / "environment", version)
            for name, files in {"a test": {}, "a conftest with options": {"conftest.py": CONFTEST}}.items():
                project = Path(folder) / name.replace(" ", "-")
                project.mkdir()
                for file, text in {"test_it.py": TEST, **files}.items():
                    (project / file).write_text(text, encoding="utf-8")
                wrong = compare(python, project)
                failed = failed or bool(wrong)
                print(f"pytest{version}, {name}: {'the same' if not wrong else chr(10).join(wrong)}", flush=True)
            ratio = start_up(python, Path(folder) / "a-test", options.repeats)
            print(f"pytest{version}: an empty run takes {ratio:.2f} times as long with the plugin", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
