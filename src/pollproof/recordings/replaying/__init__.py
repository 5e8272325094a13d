"""Replaying: a client is answered from a recording, in time that does not grow with the recording."""

from pollproof.recordings.replaying.files import replay_of
from pollproof.recordings.replaying.replay import Replay

__all__ = ["Replay", "replay_of"]
