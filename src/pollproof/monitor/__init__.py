"""The monitor: judges a trace exchange by exchange, and keeps a ledger of verdicts."""
