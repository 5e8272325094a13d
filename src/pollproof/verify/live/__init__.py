"""Live runs: judging a real provider at a lawful pace, within declared limits, with a record of all that was done."""
