"""python -m tests.pages NAME [FAULT ...]: try every fault and variant of servers, or some, and print what was found."""

from __future__ import annotations

import sys

from tests.pages.matrix import SERVERS, judge


def main() -> None:
    """Print a line for each, and how many faults were found."""
    for name in sys.argv[1:] or SERVERS:
        found = 0
        for variant in ("", *SERVERS[name].variants):
            print(f"{name} variant {variant or 'none'}: exit status {judge(name, 'variant', variant).returncode}")
        for fault in SERVERS[name].faults:
            status = judge(name, "fault", fault).returncode
            found += status == 1
            print(f"{name} fault {fault}: exit status {status}")
        print(f"{name}: {found} of {len(SERVERS[name].faults)} faults found")


if __name__ == "__main__":
    main()
