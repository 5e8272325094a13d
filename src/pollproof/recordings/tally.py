"""What is counted while recordings are read, and which of their entries were seen before."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from pollproof.recordings.entry import Entry
from pollproof.tasks.hash_set import HashSet


@dataclass(slots=True)
class Tally:
    """What was found in recordings: entries in all, those that belong to the contract, and why others do not.

    `bases` are the base URLs that were judged, `elsewhere` counts other origins, `unknown` other paths below the base,
    `unrecorded` entries of which too much is missing. `times` counts the exchanges by where their times come from,
    `untimed` those whose times cannot be used, by where the first of them stands and what is wrong there.
    `responses` counts the responses that there were, `lost` those whose body was not recorded, by the reason,
    `mended` what was mended of bodies. `backward` counts exchanges that stand behind later ones, `skewed` those
    whose Date header is far from their time, `untold` those of which it is not known how long they took, `repeated`
    entries that stand in their trace a second time.
    """

    entries: int = 0
    matched: int = 0
    bases: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    unrecorded: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)
    keyless: int = 0
    refused_keys: int = 0
    responses: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    untimed: Counter[str] = field(default_factory=Counter)
    backward: int = 0
    skewed: int = 0
    untold: int = 0
    repeated: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        counts = ("entries", "matched", "keyless", "refused_keys", "responses")
        for name in (*counts, "backward", "skewed", "untold", "repeated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("bases", "elsewhere", "unknown", "unrecorded", "times", "lost", "mended"):
            getattr(self, name).update(getattr(other, name))
        for place, count in other.untimed.items():
            self.note_untimed(place, count)

    def note_untimed(self, place: str, count: int = 1) -> None:
        """Count exchanges whose times cannot be used; the place of the first one stands for all."""
        self.untimed[next(iter(self.untimed), place)] += count


class SeenEntries:
    """Entries that were seen, by a digest that is the same in every process. `known` are digests of others.

    `digests` lists those of the own ones where they are kept, for another process.
    """

    def __init__(self, known: Iterable[int] = (), digests: array[int] | None = None) -> None:
        self._known = frozenset(known)
        self._seen = HashSet()
        self.digests = digests

    def is_new(self, entry: Entry) -> bool:
        """Whether an entry is seen for the first time, which is noted."""
        where = repr((entry.method, entry.url, entry.times)).encode("utf-8", "surrogatepass")
        found = blake2b(where, digest_size=8)
        found.update(entry.request_body)
        found.update(b"%d " % (entry.status or 0) + entry.response_body)
        key = found.hexdigest()
        if self.digests is not None:
            self.digests.append(int(key, 16))
        if key in self._seen or (self._known and int(key, 16) in self._known):
            return False
        self._seen.add(key)
        return True
