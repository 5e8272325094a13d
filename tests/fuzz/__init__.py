"""Fuzzing that coverage guides: `python -m tests.fuzz --minutes N`."""
