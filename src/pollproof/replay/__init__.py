"""Replaying: a client is answered from a recording, in time that does not grow with the recording."""

from pollproof.replay.files import replay_of
from pollproof.replay.replay import Replay
from pollproof.replay.scenario import recorded_scenarios

__all__ = ["Replay", "recorded_scenarios", "replay_of"]
