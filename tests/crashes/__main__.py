"""Break commands at many system calls: `python -m tests.crashes --points 100`.

After each break the report is the old or the whole new one, no verdict is wrong, no process and no file is left, and
the status is 0 only where the new report is there. Ends with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import sys

from tests.crashes.matrix import COMMANDS, broken, points, strace


def main() -> int:
    """Break the commands; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--points", type=int, default=100, help="Points for each command.")
    parser.add_argument("commands", nargs="*", help="Commands to break; all when left out.")
    options = parser.parse_args()
    if strace() is None:
        print("strace is not installed, or may not trace")
        return 4
    failed = tried = 0
    for point in points(options.points, options.commands or list(COMMANDS)):
        problems = broken(point)
        tried += 1
        failed += bool(problems)
        if problems:
            print("\n".join(problems), flush=True)
    print(f"{tried} points, {failed} with problems")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
