"""Break commands at many system calls: `python -m tests.crashes --points 100`.

After each break the report is the old or the whole new one, no verdict is wrong, what was answered is kept, no process
and no file is left, and the status is 0 only where the new report is there. Ends with 1 where that is not so, with 4
where no C compiler can be had.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.commands import end_server
from tests.crashes.matrix import COMMANDS, HOWS, LIBRARY, broken, compiled, points


def main() -> int:
    """Break the commands; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--points", type=int, default=100, help="Points for each command and each fault.")
    parser.add_argument("--fault", choices=HOWS, action="append", help="This fault alone (repeatable).")
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []], help="Commands to break; all when left out.")
    options = parser.parse_args()
    if LIBRARY not in os.environ:
        return _with_the_library()
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    began = time.monotonic()
    for point in points(options.points, options.commands or list(COMMANDS), options.fault or list(HOWS)):
        problems = broken(point)
        tried[point.command] += 1
        failed[point.command] += bool(problems)
        if problems:
            print("\n".join(problems), flush=True)
    end_server()
    for command in tried:
        print(f"{command}: {tried[command]} breaks, {failed[command]} with problems")
    print(f"{tried.total()} breaks in {time.monotonic() - began:.0f} s, {failed.total()} with problems")
    return int(failed.total() > 0)


def _with_the_library() -> int:
    """Run the matrix in a process that has the library loaded, as all that it starts then have."""
    with tempfile.TemporaryDirectory() as name:
        library = compiled(Path(name))
        if library is None:
            print("no C compiler, or not Linux: nothing was broken")
            return 4
        command = [sys.executable, "-m", "tests.crashes", *sys.argv[1:]]
        environment = {**os.environ, LIBRARY: str(library), "LD_PRELOAD": str(library)}
        return os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(sys.executable, command, environment), 0)[1])


if __name__ == "__main__":
    sys.exit(main())
