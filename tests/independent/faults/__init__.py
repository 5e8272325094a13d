"""Faults by name, for `--fault` and the matrix."""

from . import connections, requests, states, ways
from .registry import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "connections", "requests", "states", "ways"]
