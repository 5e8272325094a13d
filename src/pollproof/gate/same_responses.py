"""Scenarios that a client cannot distinguish: it would get the very responses that it got in another one.

What a client has sent in one scenario is sent to the provider of another, in process and at the same times. Where each
reply is the same, the client would have done the same there, so that the scenario need not be played: what it did is
judged by what the other scenario expects.
"""

from __future__ import annotations

from collections.abc import Iterable

from pollproof.clock import VirtualClock
from pollproof.gate.bounds import longest
from pollproof.gate.callbacks import address_in
from pollproof.gate.faults import Reply
from pollproof.gate.play import PlayedScenario
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_provider import StagedProvider

MAXIMUM_MET = 100
"""Requests of a scenario beyond which it is not compared: a client that sends so many is better played."""


def find_same(met: Iterable[PlayedScenario], scenario: Scenario) -> PlayedScenario | None:
    """The first scenario that was played in which a client got the responses that it would get in this one."""
    if scenario.answers is not None or any(turn.padding for turn in scenario.turns):  # megabytes for each comparison
        return None
    other: StagedProvider | None = None  # it takes longer to make than to play a few requests
    for played in met:
        before, provider = played.result.scenario, played.provider
        if not _is_comparable(played) or before.kind != scenario.kind or before.needs is not scenario.needs:
            continue
        clock = VirtualClock()
        if other is None:
            other = StagedProvider(provider.contract, clock, scenario)
        other.restart(clock)
        other.base_url = provider.base_url
        if _responds_alike(other, clock, provider) and played.result.virtual <= longest(other):
            return played
    return None


def _responds_alike(other: StagedProvider, clock: VirtualClock, provider: StagedProvider) -> bool:
    """Whether a provider answers what another one was sent, at the same times, with the same replies."""
    for moment, request, reply in provider.met:
        clock.advance(max(moment - clock.now(), 0.0))
        if _plain(other.play(request), other) != _plain(reply, provider):
            return False
    return True


def _is_comparable(played: PlayedScenario) -> bool:
    """Whether a command has ended by itself, and nothing but responses has come to it."""
    ended, server = played.ended, played.server
    called = any(address_in(task.creation) is not None for task in played.provider.order)
    undisturbed = not called and server.moment is None and not server.exceeded and not played.result.undecided
    undisturbed = undisturbed and len(played.provider.met) <= MAXIMUM_MET
    return undisturbed and ended.stopped is None and not ended.cut


def _plain(reply: Reply, provider: StagedProvider) -> Reply:
    """A reply without what differs between two scenarios that are the same for a client: the words of its tokens."""
    body = reply.response.body
    for number, token in enumerate(provider.tokens):
        body = body.replace(token.encode(), b"token %d" % number)
    return reply._replace(response=reply.response._replace(body=body), before=None)
