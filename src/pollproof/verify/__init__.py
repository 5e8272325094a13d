"""Exploration: driving an implementation through walks and a state machine."""
