"""pollproof: a conformance suite for create-then-poll task APIs and their clients."""

from pollproof.version import __version__ as __version__
