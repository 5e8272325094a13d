"""Choosing the contract with which recordings are compared: what they say themselves, else whose traffic they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from pollproof.bundled import bundled
from pollproof.contract.model import Contract
from pollproof.errors import InputError
from pollproof.loading import load_contract
from pollproof.recordings.files import Recording
from pollproof.recordings.hosts import is_local
from pollproof.recordings.matching import Matcher
from pollproof.recordings.reading import NoRecording, contract_named, read_entries
from pollproof.recordings.tally import Tally
from pollproof.text import printable

LOOKED_INTO = 500
"""Entries of a file that are looked into to tell whose traffic it is."""


class Undecided(InputError):
    """The contract cannot be determined; one sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The contracts that a recording may belong to: by its own word, by the hosts, by its operations."""

    named: frozenset[str]
    hosted: frozenset[str]
    matching: frozenset[str]

    @property
    def best(self) -> frozenset[str]:
        """The candidates by the best that is known."""
        return self.named or self.hosted or self.matching


def names_of(files: Iterable[Recording]) -> frozenset[str]:
    """The contracts that files say they were recorded with. Raises `RecordingError`."""
    return frozenset(name for name in map(contract_named, files) if name is not None)


def candidates_of(files: list[Recording], base_url: str | None = None) -> Candidates:
    """What the contract of a recording may be. Raises `RecordingError`."""
    named = names_of(files)
    if named:
        return Candidates(named, frozenset(), frozenset())
    tallies = {name: Tally() for name in bundled()}
    for path in files:
        matchers = [Matcher(load_contract(name), tally, base_url) for name, tally in tallies.items()]
        try:
            for entry in islice(read_entries(path), LOOKED_INTO):
                for matcher in matchers:
                    matcher.exchange(entry)
        except NoRecording:
            if len(files) == 1:
                raise  # among the files of a folder there may be others
    hosted = {name for name, tally in tallies.items() if any(not _is_local(base) for base in tally.bases)}
    return Candidates(named, frozenset(hosted), frozenset(name for name, tally in tallies.items() if tally.matched))


def _is_local(base: str) -> bool:
    return is_local(urlsplit(base).hostname or "localhost")


def choose(old: Candidates, new: Candidates) -> str:
    """The name of the one contract of both recordings; raises `Undecided`."""
    choices = f"expected --provider with a contract file or one of {', '.join(bundled())}"
    for side, candidates in (("OLD", old), ("NEW", new)):
        if len(candidates.named) > 1:
            raise Undecided(f"{side} holds recordings of several APIs: {_list(candidates.named)}")
        if not candidates.best:
            raise Undecided(f"{side} holds no traffic of a bundled contract; {choices}")
    both = old.best & new.best
    if not both:
        raise Undecided(f"OLD and NEW are of different APIs: {_list(old.best)} and {_list(new.best)}")
    if len(both) > 1:
        raise Undecided(f"the recordings may be of {_list(both, ' or ')}; {choices}")
    return next(iter(both))


def check_names(contract: Contract, old: list[Recording], new: list[Recording]) -> None:
    """Raises `Undecided` where a recording says that it was made with another contract than the one given."""
    for side, files in (("OLD", old), ("NEW", new)):
        others = names_of(files) - {contract.name}
        if others:
            raise Undecided(f"{side} was recorded from another API than {contract.name}: {_list(others)}")


def _list(names: frozenset[str], joint: str = ", ") -> str:
    shown = [printable(name, 60) for name in sorted(names)]
    return joint.join(shown)
