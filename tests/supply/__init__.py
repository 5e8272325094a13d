"""What the project is built from, and what comes with it: `python -m tests.supply`."""
