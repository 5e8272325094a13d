"""Scrubbing: only what is known to be harmless stays in a recording; all else becomes a pseudonym.

What may stay follows from the contract (`vocabulary`). Pseudonyms keep what clauses look at and nothing more: equality,
emptiness, being a number, a URL or JSON, the form of an id. They are drawn from a salt that is thrown away, so that
nobody can try out secrets against a file. What was written is searched for secrets a second time (`scan`).
"""

from pollproof.secrets.anonymize.exchanges import Scrubbed, Scrubber, judged_otherwise
from pollproof.secrets.scan import Leak, Scanner

__all__ = ["Leak", "Scanner", "Scrubbed", "Scrubber", "judged_otherwise"]
