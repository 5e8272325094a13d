"""The whole matrix of the clients of this folder: python -m tests.clients [-k EXPRESSION] [--all] [--times N].

Each client with a fault meets the scenarios that give its fault an occasion (`--all`: every scenario), each lawful one
every scenario. What the gate says of it is held against the catalogue; disagreements are printed, and the status is 1
when there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from pollproof.runs.expressions import matching
from tests.clients.catalogue import CLIENTS
from tests.clients.matrix import catalogue_of, occasions, run


def main() -> int:
    """Run what the command line asks for, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__.partition("\n\n")[2])
    parser.add_argument("-k", dest="expression", help="only clients whose names match, as in pytest")
    parser.add_argument("--scenarios", help="only scenarios whose names match, as in pytest")
    parser.add_argument("--all", action="store_true", help="every scenario for clients with a fault too")
    parser.add_argument("--times", type=int, default=1, help="how often each client is judged")
    parser.add_argument("-n", dest="workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--json", type=Path, help="a file to which each verdict is written, one on a line")
    arguments = parser.parse_args()

    chosen = CLIENTS
    if arguments.expression:
        names = matching([client.name for client in CLIENTS], arguments.expression)
        chosen = [client for client in CLIENTS if client.name in names]
    tasks = []
    for client in chosen:
        known = [scenario.name for scenario in catalogue_of(client.provider)[1]]
        wanted = known if arguments.all else occasions(client)
        if arguments.scenarios:
            wanted = [name for name in wanted if name in matching(known, arguments.scenarios)]
        if wanted:
            tasks += [(client, tuple(wanted))] * arguments.times
    if not tasks:
        parser.error("no client has such scenarios")
    started, met, agreed, disagreed = time.monotonic(), 0, Counter(), Counter()
    with open(arguments.json or os.devnull, "a", encoding="utf-8") as file:
        for verdict in run(tasks, arguments.workers):
            name = verdict.client.name
            words = list(verdict.disagreements())
            met += len(verdict.meetings)
            (disagreed if words else agreed)[name] += 1
            for each in words:
                print(f"{name}: {each}", flush=True)
            record = {"client": name, "error": verdict.error, "meetings": [asdict(each) for each in verdict.meetings]}
            file.write(json.dumps({**record, "disagreements": words}) + "\n")
            file.flush()
    seconds = time.monotonic() - started
    print(
        f"{len(set(agreed) - set(disagreed))} clients were judged as the catalogue says, {len(disagreed)} were not; "
        f"{sum(agreed.values())} of {len(tasks)} verdicts, {met} scenarios met in {seconds:.0f} s"
    )
    return 1 if disagreed else 0


if __name__ == "__main__":
    sys.exit(main())
