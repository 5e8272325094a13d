"""Tasks: what a trace has said so far of each task, and of the account."""
