"""Secrets: found, masked, replaced and searched for in everything that leaves the program."""
