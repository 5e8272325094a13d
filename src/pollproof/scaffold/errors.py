"""The error of `pollproof new`."""

from __future__ import annotations

from pollproof.errors import InputError


class ScaffoldError(InputError):
    """A contract that cannot be begun; the text is one sentence."""
