"""What the smoke scenario shows: which clock a command obeys, and whether it is a working client at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pollproof.contract.model import Contract, Level
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.gate.decorator import UNUSABLE
from pollproof.gate.play import PlayedScenario
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import Answer
from pollproof.trace.exchange import Exchange
from pollproof.virtualtime import LeapClock

LEAST_WAITED = 2.0
"""Seconds that a client must have waited before it shows whether its waits are leapt over."""

LEAST_PAUSE = 0.5
"""Seconds from which on the time between two requests is a wait, and not the work of the client."""

LEAPT_SHARE = 0.1
"""The part of a client's waits that a clock which it obeys has leapt over at least."""


def has_loaded(played: PlayedScenario) -> bool:
    """Whether the command has loaded the library of the leaping clock."""
    return isinstance(played.clock, LeapClock) and played.clock.leaps.attached > 0


def disobedience(played: PlayedScenario) -> str:
    """Why the clock cannot judge the command, as the rest of a sentence; empty where it can."""
    if not isinstance(played.clock, LeapClock):
        return ""
    if not has_loaded(played):
        return "it did not load the library"
    if played.result.disagreement:
        return f"it {played.result.disagreement}"
    found = played.clock.leaps
    # A client that has not waited shows nothing against the clock: only waits that are not leapt over do.
    waited = _waited(played.trace)
    waits = (waited >= LEAST_WAITED and found.seconds < waited * LEAPT_SHARE) or (played.ended.cut and not found.count)
    return "its waits were not leapt over" if waits else ""


def _waited(trace: Sequence[Exchange]) -> float:
    """Seconds of the clock that a client let pass between its requests, without those that it merely took."""
    gaps = (after.sent - before.received for before, after in pairwise(trace))
    return sum(gap for gap in gaps if gap >= LEAST_PAUSE)


def problem_of(played: PlayedScenario, contract: Contract) -> str:
    """Why a command is not a working client, from the smoke scenario, as the rest of a sentence; empty where it is one.

    One that violates a MUST there is a client, and what it returns may follow from that: it is judged.
    """
    ended, result, server = played.ended, played.result, played.server
    words = ended.last_words.rpartition(" / ")[2]
    end = f"; it ended with {ended.words} and " + (f"its output with: {words}" if words else "printed nothing")
    if ended.status == UNUSABLE:
        return f"cannot be judged: {words}"
    if played.is_guilty:
        return ""
    answers = [event.answer for event in played.events if event is not None]
    if Answer.STATE not in answers:
        if not server.contacts:
            return f"never contacted the base URL (POLLPROOF_BASE_URL){end}"
        if answers:
            return f"contacted the base URL, but every request was refused{_wrong_key(contract, played.trace)}{end}"
        return f"contacted the base URL, but {_elsewhere(played)}{end}"
    outcome = result.outcome
    if outcome is None or not outcome.promised or (outcome.succeeded and outcome.result is not None):
        return ""
    if not outcome.succeeded:
        return f"does not solve an ordinary task{end}"
    if result.ledger.violated(Level.MUST):
        return ""
    return f"does not return the solution of an ordinary task: its one-time token is not in what it returned{end}"


def _elsewhere(played: PlayedScenario) -> str:
    """What a command did in place of the requests that the contract knows."""
    if played.server.elsewhere:
        return played.server.elsewhere[0]
    for exchange, event in zip(played.trace, played.events, strict=True):
        if event is None:
            return f"requested {exchange.request.method} {exchange.request.path}"[:80]
    return "sent no request of the contract"


def _wrong_key(contract: Contract, trace: Sequence[Exchange]) -> str:
    """What no request had of the key as the documents want it, as the rest of a sentence; empty where one had it."""
    credential = contract.credential
    place = credential.at
    if place is None or place.area not in ("header", "body") or not trace:
        return ""
    shown, codec = compile_place(place), codec_of(contract, "request")
    views = [View(codec.read(each.request.body), MISSING, {}, each.request.headers, {}, None) for each in trace]
    seen = {value for value in map(shown, views) if isinstance(value, str) and value}
    if credential.template.replace("{credential}", credential.sample) in seen:
        return ""
    wanted = credential.template.replace("{credential}", "POLLPROOF_API_KEY")
    name = f"the header {place.text.rpartition('.')[2]}" if place.area == "header" else place.pointer[1:]
    had = sorted({_form(words, credential.template) for words in seen})
    return f", for none had {name}: {wanted}" + (f" (they had {', '.join(had)})" if had else "")


def _form(shown: str, template: str) -> str:
    """In which form a wrong key was shown; never the key itself."""
    word, blank, _ = shown.partition(" ")
    if blank and word.isalpha() and word.lower() != template.partition(" ")[0].lower():
        return word[:20]
    return "another key" if bool(blank) is (" " in template) else "the bare key"
