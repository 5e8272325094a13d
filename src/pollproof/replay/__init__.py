"""Replaying: a client is answered from a recording, in time that does not grow with the recording."""

from pollproof.replay.files import replay_of
from pollproof.replay.replay import Replay

__all__ = ["Replay", "replay_of"]
