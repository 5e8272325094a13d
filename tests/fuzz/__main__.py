"""Fuzz for some minutes, guided by coverage (atheris): `python -m tests.fuzz --minutes 10`.

Each target has a process of its own and an equal share of the time; what it learns is kept below `build/fuzz`. An input
that breaks something is kept in `tests/fuzz/crashes`, where `tests/fuzz/test_crashes.py` tries it from then on. Without
atheris the inputs are mutated without guidance. Ends with 1 where something was found.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRASHES = Path(__file__).resolve().parent / "crashes"
HOME = ROOT / "build" / "fuzz"
LONGEST = 20_000
"""Bytes of an input at most."""


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process; does not return where atheris is there."""
    folder = HOME / name
    folder.mkdir(parents=True, exist_ok=True)
    CRASHES.mkdir(exist_ok=True)
    try:
        import atheris
    except ImportError:
        return _unguided(name, seconds)
    with atheris.instrument_imports(include=["pollproof"]):
        from tests.fuzz.targets import TARGETS, corpus
    for number, data in enumerate(corpus(name)):
        (folder / f"seed-{number}").write_bytes(data[:LONGEST])
    TARGETS[name](b"")  # what is made once is no part of the time of an input
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=3000", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(folder), *options, f"-artifact_prefix={CRASHES}/{name}-"], TARGETS[name])
    atheris.Fuzz()
    return None


def _unguided(name: str, seconds: int) -> None:
    from tests.fuzz.targets import TARGETS, corpus
    from tests.fuzzing.mutations import of_bytes

    dice, known, end = random.Random(name), list(corpus(name)), time.monotonic() + seconds
    while time.monotonic() < end:
        data = of_bytes(dice.choice(known), dice)[:LONGEST]
        try:
            TARGETS[name](data)
        except Exception:
            (CRASHES / f"{name}-{abs(hash(data)):016x}").write_bytes(data)
            raise


def main() -> int:
    """Fuzz the targets one after the other; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="Minutes for all targets together.")
    parser.add_argument("--target", help="One target alone, in this process.")
    options = parser.parse_args()
    if options.target:
        fuzz(options.target, int(60 * options.minutes))
        return 0
    from tests.fuzz.targets import TARGETS

    failed = False
    for name in TARGETS:
        end = time.monotonic() + 60 * options.minutes / len(TARGETS)
        while (left := end - time.monotonic()) > 1:
            command = [sys.executable, "-m", "tests.fuzz", "--target", name, "--minutes", str(left / 60)]
            with tempfile.TemporaryDirectory() as scratch:  # atheris ends its process without a word to Python
                known = {**os.environ, "TMPDIR": scratch}
                done = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, check=False)
            if done.returncode:
                failed = True
                print(f"{name}: found something\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}", flush=True)
                break
        else:
            print(f"{name}: nothing", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
