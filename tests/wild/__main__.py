"""Judge the projects, and compare what is found with what is known: `python -m tests.wild [NAME ...]`.

Each project is installed into a virtual environment of its own below `build/wild`, started under the virtual clock, and
judged by its contract in `examples/contracts`. Ends with 1 where a finding is new or gone, or a run did not end.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.wild.projects import SERVERS, Server

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "wild"


def install(server: Server) -> Path:
    """Install a project into an environment of its own, once; the folder of its programs."""
    home = HOME / server.folder
    programs = home / "bin"
    mark = home / "installed.txt"
    wanted = "\n".join(server.requirements)
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([programs / "pip", "install", "--quiet", *server.requirements], check=True, timeout=600)
        mark.write_text(wanted, encoding="utf-8")
    return programs


def judge(server: Server) -> list[str]:
    """Judge one project; what is not as it is known, in sentences."""
    missing = [program for program in server.needs if shutil.which(program) is None]
    if missing:
        return [f"{server.name}: not judged, {', '.join(missing)} is not installed"]
    launcher = f"{shlex.quote(str(ROOT / 'tests' / 'wild' / server.folder / 'serve.sh'))} {install(server)} {{port}}"
    report = HOME / f"{server.folder}.json"
    report.unlink(missing_ok=True)
    words = [
        sys.executable,
        "-m",
        "pollproof",
        "verify",
        str(ROOT / "examples" / "contracts" / f"{server.contract}.toml"),
    ]
    words += ["--launch", launcher, "--base-url", f"http://127.0.0.1:{{port}}{server.prefix}"]
    words += ["--examples", "3", "--json", str(report), "-q"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=server.seconds + 60, check=False)
    if not report.exists():
        return [f"{server.name}: no report (status {done.returncode}): {done.stderr[-500:]}"]
    document = json.loads(report.read_text(encoding="utf-8"))
    count = dict.fromkeys(("held", "violated", "unexercised"), 0)
    for clause in document["clauses"]:
        count[clause["verdict"]] += 1
    print(
        f"{server.name}: {count}, {document['exchanges']} exchanges, {document['seconds']:.0f} s, {document['outcome']}"
    )
    found = {clause["id"] for clause in document["clauses"] if clause["verdict"] == "violated"}
    known = {finding.clause for finding in server.findings}
    problems = [f"{server.name}: new: {name}" for name in sorted(found - known)]
    problems += [f"{server.name}: gone: {name}" for name in sorted(known - found)]
    if document["error"]:
        problems.append(f"{server.name}: {document['error']}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.wild", description=__doc__)
    parser.add_argument("names", nargs="*", help="folders of projects; all when left out")
    names = parser.parse_args().names
    HOME.mkdir(parents=True, exist_ok=True)
    problems = [line for server in SERVERS if not names or server.folder in names for line in judge(server)]
    print("\n".join(problems) or "as known")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
