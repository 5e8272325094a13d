"""The version of this release, as reports, cassettes and requests state it."""

__version__ = "0.1.0"
