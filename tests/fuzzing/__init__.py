"""Hostile recordings: made on purpose (`hostile`, `bombs`) and by chance (`mutations`), for tests and benchmarks."""
