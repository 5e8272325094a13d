"""What every run has in common: what was requested, and what it came to."""
