"""Build the wheel twice, list what is installed with it, and look for known vulnerabilities: `python -m tests.supply`.

The wheel and its bill of materials (CycloneDX) are left in `build/supply`. The tools come from the package index, in an
environment of their own. The advisories come from PyPI. Ends with 1 where the two wheels differ or a vulnerability is
known, with 3 where they are the same and PyPI had no word about a package: nothing is known about its vulnerabilities.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "supply"
MOMENT = {"SOURCE_DATE_EPOCH": "1767225600"}
"""What a build says of its time."""


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, env={**os.environ, **MOMENT}, capture_output=True, text=True, timeout=900, check=False
    )


def _must(*words: str | Path) -> None:
    done = _run(*words)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stdout[-1000:]}{done.stderr[-2000:]}")


def _environment(name: str, *packages: str | Path) -> Path:
    """A new environment with some packages; its Python."""
    folder = HOME / name
    venv.create(folder, clear=True, with_pip=True)
    _must(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return folder / "bin" / "python"


def build(number: int) -> Path:
    """The wheel, built in isolation into a folder of its own."""
    folder = HOME / f"wheel-{number}"
    for old in folder.glob("*.whl"):
        old.unlink()
    _must(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> int:
    """Build, list and look; the exit status."""
    HOME.mkdir(parents=True, exist_ok=True)
    first, second = build(1), build(2)
    same = first.read_bytes() == second.read_bytes()
    print(f"{first.name}: built twice, {'the same byte for byte' if same else 'NOT the same'}")
    python = _environment("installed", first)
    tools = _environment("tools", "cyclonedx-bom", "pip-audit")
    bill = HOME / "pollproof.cdx.json"
    _must(tools, "-m", "cyclonedx_py", "environment", python, "--output-reproducible", "--output-file", bill)
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    print(f"{bill.relative_to(ROOT)}: {len(components)} components")
    site = _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    audit = _run(tools, "-m", "pip_audit", "--path", site, "--format", "json", "--progress-spinner", "off")
    try:
        found = [each for each in json.loads(audit.stdout)["dependencies"] if each["name"] not in ("pip", "pollproof")]
    except ValueError:
        print(f"no advisories could be had: {audit.stderr.strip().splitlines()[-1][:300]}")
        return 3 if same else 1
    known = [each for each in found if each.get("vulns")]
    skipped = [each for each in found if "skip_reason" in each]
    for each in known:
        print(f"{each['name']} {each['version']}: {', '.join(one['id'] for one in each['vulns'])}")
    print(f"{len(found) - len(skipped)} packages looked up, {len(known)} with known vulnerabilities")
    if skipped:
        print(f"{len(skipped)} not looked up, so that nothing is known about them: {skipped[0]['skip_reason']}")
    return 1 if known or not same else 3 if skipped or not found else 0


if __name__ == "__main__":
    sys.exit(main())
