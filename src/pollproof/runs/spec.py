"""What a run was requested to do, whatever it judges: verify, live, gate and check extend it by what is theirs."""

from __future__ import annotations

from dataclasses import dataclass, field

from pollproof.contract.model import Contract


@dataclass(frozen=True, slots=True)
class Policy:
    """What the outcome of a run depends on, besides what happened.

    With `strict` a violated SHOULD fails the run. With `require_all` every clause must be exercised, with `required`
    these. `allowed` names what may stay unexercised: ids of clauses, or causes (see `runs.outcome.CAUSES`).
    """

    strict: bool = False
    require_all: bool = False
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What every run has: a contract, a policy, and the ids of the clauses that were selected (None: all of them).

    `provider` is the contract as it was named on the command line, empty where nobody named it.
    """

    contract: Contract
    provider: str = field(default="", kw_only=True)
    policy: Policy = field(default=Policy(), kw_only=True)
    selected: frozenset[str] | None = field(default=None, kw_only=True)

    @property
    def mode(self) -> str:
        """The word of reports for this sort of run: verify, gate or check."""
        raise NotImplementedError

    @property
    def target(self) -> str:
        """What is judged, in words: an address, a command, or files. It may hold secrets."""
        raise NotImplementedError

    @property
    def random_seed(self) -> int | None:
        """The seed of what is drawn, None where nothing is."""
        return None

    def secrets(self) -> set[str]:
        """The keys and passwords that were given to the run."""
        return {self.contract.credential.sample}

    def command(self) -> str:
        """The command that reproduces the run; no key is in it."""
        raise NotImplementedError
