"""The most used pytest plugins beside pollproof: `python -m tests.neighbours`."""
