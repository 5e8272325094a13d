"""The gate: judges a client, in any language, against the reference provider.

Importing it loads nothing of the machinery: test modules do so for the decorator alone.
"""

from __future__ import annotations

from pollproof.gate.decorator import client

__all__ = ["client"]
