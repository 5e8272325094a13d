"""Run every command against every hostile server: `python -m tests.hostile`; ends with 1 where something is wrong."""

from __future__ import annotations

import argparse
import sys

from tests.hostile.matrix import COMMANDS, problems_with
from tests.hostile.servers import SERVERS


def main() -> int:
    """Run them one after the other; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--command", choices=COMMANDS, action="append", help="This command alone (repeatable).")
    parser.add_argument("servers", nargs="*", help="Servers by their names; all when left out.")
    options = parser.parse_args()
    failed = tried = 0
    seconds = memory = 0.0
    for command in options.command or COMMANDS:
        for name in options.servers or SERVERS:
            problems, done = problems_with(command, name)
            tried, failed = tried + 1, failed + bool(problems)
            seconds, memory = max(seconds, done.seconds), max(memory, done.memory)
            if problems:
                print("\n".join(problems), flush=True)
    print(f"{tried} runs, {failed} with problems; at most {seconds:.0f} s and {memory:.0f} MiB")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
