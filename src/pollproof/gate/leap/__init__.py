"""Virtual time for a client in other processes, in any language: a clock that leaps over its waits."""

from __future__ import annotations

from pollproof.gate.leap.clock import Hold, LeapClock, Leaps, obeys
from pollproof.gate.leap.library import CannotLeap, unavailable

__all__ = ["CannotLeap", "Hold", "LeapClock", "Leaps", "obeys", "unavailable"]
