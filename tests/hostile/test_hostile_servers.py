"""A few hostile servers against the commands that talk to one; `python -m tests.hostile` has all of them."""

from __future__ import annotations

import pytest

from tests.hostile.matrix import COMMANDS, problems_with
from tests.hostile.servers import SERVERS
from tests.lanes import only

CASES = [(command, name) for command in COMMANDS for name in SERVERS]
FEW = [
    ("verify", "1e400, NaN and Infinity"),
    ("verify", "a gzip bomb"),
    ("live", "reset in the body"),
    ("record", "an integer of 5,000 digits"),
    ("record", "100 Continue without end"),
    ("check", "headers without end"),
]


@pytest.mark.parametrize(("command", "name"), only(CASES, FEW))
def test_a_hostile_server_ends_no_command_but_in_a_sentence(command: str, name: str) -> None:
    assert problems_with(command, name)[0] == []


def test_a_recording_whose_target_breaks_off_is_not_complete() -> None:
    problems, done = problems_with("record", "closed at once")
    assert (problems, done.status) == ([], 3)
    assert "the recording is not complete: " in done.err
