"""Software that nobody here wrote, judged by contracts from public documentation: `python -m tests.wild`."""
