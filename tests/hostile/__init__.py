"""Servers that do what no server should, against every command that talks to one: `python -m tests.hostile`."""
