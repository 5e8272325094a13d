"""The bounds of what is read from a network: one set for the client, the servers and the recording proxy."""

from __future__ import annotations

MAXIMUM_BODY = 8 * 1024 * 1024
"""Bytes of the body of a request or a response; a task's state that is larger is not one."""

MAXIMUM_HEAD = 64 * 1024
"""Bytes of a request line with its headers."""

MAXIMUM_HEADERS = 100
"""Headers of a request or a response."""

PIECE = 64 * 1024
"""Bytes that are received at once."""
