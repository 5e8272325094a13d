"""Tasks: what a trace has shown so far of each task, and of the account."""
