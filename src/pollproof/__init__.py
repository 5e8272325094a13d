"""pollproof: a conformance suite for create-then-poll task APIs and their clients."""

__version__ = "0.1.0"
