"""Benchmarks of pollproof: ratios taken in one run, never timed assertions."""
