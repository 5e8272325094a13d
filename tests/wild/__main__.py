"""Judge the projects, and compare what is found with what is known: `python -m tests.wild [NAME ...]`.

Each project is installed into an environment of its own below `build/wild`, or below the folder that WILD_HOME names.
A server is started under the virtual clock and judged by its contract in `examples/contracts`; a client library is
gated by one. Ends with 1 where a finding is new or gone, or a run did not end. Beside each report there is a file `.md`
with the shortest trace of each finding; `docs/traces.md` is made of them.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pollproof.report.timeline import lines
from tests.wild.projects import CLIENTS, SERVERS, Client, Finding, Server

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("WILD_HOME", ROOT / "build" / "wild"))
HERE = Path(__file__).resolve().parent

INSTALLING = 1800.0
"""Seconds that the installation of one project may take."""

MOST_LINES = 12
"""Lines of a trace that are shown."""

BUSY = 4
"""How many times as long as on a quiet machine a run may take."""


def install(folder: str, requirements: tuple[str, ...], *, node: bool = False) -> Path:
    """Install a project into an environment of its own, once; the folder of its programs, or of its Node packages."""
    home = HOME / folder
    mark = home / "installed.txt"
    wanted = "\n".join(requirements)
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        if node:
            command = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--loglevel=error"]
        else:
            venv.create(home, clear=True, with_pip=True)
            command = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        if requirements:
            subprocess.run([*command, *requirements], check=True, timeout=INSTALLING)
        mark.write_text(wanted, encoding="utf-8")
    return home if node else home / "bin"


def run(
    name: str, words: list[str], report: Path, findings: tuple[Finding, ...], seconds: float, **more: str
) -> list[str]:
    """Run the suite on one project; what is not as it is known, in sentences."""
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pollproof", words[0], "--json", str(report), "-q", *words[1:]]
    environment = {**os.environ, **more}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * BUSY, check=False, env=environment)
    if not report.exists():
        return [f"{name}: no report (status {done.returncode}): {done.stderr[-500:]}"]
    document = json.loads(report.read_text(encoding="utf-8"))
    count = dict.fromkeys(("held", "violated", "unexercised"), 0)
    for clause in document["clauses"]:
        count[clause["verdict"]] += 1
    print(
        f"{name}: {count}, {document['exchanges']} exchanges, {document['seconds']:.0f} s, {document['outcome']}",
        flush=True,
    )
    report.with_suffix(".md").write_text(traces(name, document), encoding="utf-8")
    verdicts = {clause["id"]: clause["verdict"] for clause in document["clauses"]}
    known = {finding.clause: finding for finding in findings}
    problems = []
    for clause, verdict in verdicts.items():
        if verdict == "violated" and clause not in known:
            problems.append(f"{name}: new: {clause}")
        elif verdict == "held" and clause in known and not known[clause].sometimes:
            problems.append(f"{name}: gone: {clause}")
        elif verdict == "unexercised" and clause in known:
            print(f"{name}: not exercised this time: {clause}", flush=True)
    problems += [f"{name}: no such clause: {clause}" for clause in known if clause not in verdicts]
    if document["error"]:
        problems.append(f"{name}: {document['error']}")
    return problems


def traces(name: str, document: dict[str, Any]) -> str:
    """The shortest trace of each violated clause of a report, as a section of Markdown."""
    parts = [f"## {name}"]
    for clause in document["clauses"]:
        if clause["verdict"] == "violated":
            found = clause["violation"]
            shown = [f"expected: {found['expected']}", f"got: {found['seen']}"]
            shown += shortened(lines(found["trace"], found.get("deadlines", ())))
            parts.append("\n".join([f"`{clause['id']}`\n", "```text", *(line.rstrip() for line in shown), "```"]))
    return "\n\n".join(parts) + "\n" if parts[1:] else ""


def shortened(trace: list[str]) -> list[str]:
    """The first and the last lines of a trace."""
    if len(trace) <= MOST_LINES:
        return trace
    half = MOST_LINES // 2
    return [*trace[:half], f"    ... {len(trace) - 2 * half} more lines", *trace[-half:]]


def attempt(judging: Callable[[], list[str]], name: str) -> list[str]:
    """Judge one project; what kept it from being judged is a problem, and the others are judged all the same."""
    try:
        return judging()
    except (subprocess.SubprocessError, OSError) as error:
        return [f"{name}: not judged: {error}"]


def judge(server: Server) -> list[str]:
    """Verify a server; what is not as it is known, in sentences."""
    missing = [program for program in server.needs if shutil.which(program) is None]
    if missing:
        return [f"{server.name}: not judged, {', '.join(missing)} is not installed"]
    programs = install(server.home, server.requirements, node=server.node)
    launcher = f"{shlex.quote(str(HERE / server.folder / 'serve.sh'))} {shlex.quote(str(programs))} {{port}}"
    words = ["verify", "--launch", launcher, "--base-url", f"http://127.0.0.1:{{port}}{server.prefix}"]
    words += ["--examples", "3", str(ROOT / "examples" / "contracts" / f"{server.contract}.toml")]
    report = HOME / f"{server.contract}-{server.home}.json"
    return run(server.name, words, report, server.findings, server.seconds + 60)


def gate(client: Client) -> list[str]:
    """Gate a client library; what is not as it is known, in sentences."""
    if client.node and shutil.which("node") is None:
        return [f"{client.name}: not judged, node is not installed"]
    stem = Path(client.script).stem + ("-node" if client.node else "")
    home = install(stem, client.requirements, node=client.node)
    program = "node" if client.node else str(home / "python")
    places = [ROOT / folder / f"{client.contract}.toml" for folder in ("examples/contracts", "tests/apis")]
    words = ["gate", str(next(place for place in places if place.exists()))]
    words += ["--", program, str(HERE / "clients" / client.script)]
    return run(client.name, words, HOME / f"{stem}.json", client.findings, client.seconds, WILD_NODE=str(home))


def main() -> int:
    """Judge all projects, or those that are named; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.wild", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="names, folders or contracts of servers, scripts of clients; all when left out"
    )
    names = parser.parse_args().names
    known = {name for server in SERVERS for name in (server.name, server.folder, server.contract)}
    known |= {client.script for client in CLIENTS}
    if unknown := [name for name in names if name not in known]:
        parser.error(f"nothing is named {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    HOME.mkdir(parents=True, exist_ok=True)
    problems = [
        line
        for server in SERVERS
        if not names or {server.name, server.folder, server.contract}.intersection(names)
        for line in attempt(partial(judge, server), server.name)
    ]
    problems += [
        line
        for client in CLIENTS
        if not names or client.script in names
        for line in attempt(partial(gate, client), client.name)
    ]
    print("\n".join(problems) or "as known")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
