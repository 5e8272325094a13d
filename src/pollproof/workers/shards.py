"""Shards: a run that several machines share, each with its own part, told apart by number alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pollproof.errors import InputError

_Item = TypeVar("_Item")

_TEXT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


class ShardError(InputError):
    """A shard that there is not; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `number` (from 1) `of` that many: the parts of the run in its place and every `of` places after it."""

    number: int
    of: int

    @classmethod
    def parsed(cls, text: str) -> Shard:
        """The shard that a text such as 2/8 means; raises `ShardError`."""
        match = _TEXT.fullmatch(text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ShardError(f"--shard {text}: expected K/N, the K-th of N shards, such as 2/8")
        return cls(int(match[1]), int(match[2]))

    def pick(self, parts: Sequence[_Item], what: str) -> list[_Item]:
        """The parts of this shard; raises `ShardError` where a shard would have none, and so would test nothing."""
        if self.of > len(parts):
            many = f"there is one {what}" if len(parts) == 1 else f"there are {len(parts)} {what}s"
            raise ShardError(f"--shard {self.number}/{self.of}: {many} to share, so at most {len(parts)} shards")
        return list(parts[self.number - 1 :: self.of])
