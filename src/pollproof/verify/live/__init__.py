"""Live runs: judging a real provider at the documented pace, within declared limits, with a record of everything."""
