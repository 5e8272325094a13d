"""Commands that are killed, stopped or starved in the middle."""
