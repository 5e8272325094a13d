"""Run the benchmarks: `python -m tests.benchmarks [GROUP ...]`."""

import sys

from tests.benchmarks.front import main

if __name__ == "__main__":
    sys.exit(main())
