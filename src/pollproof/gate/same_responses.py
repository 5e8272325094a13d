"""Scenarios that a client cannot distinguish: it would get the very responses that it got in another one.

What a client has sent in one scenario is sent to the provider of another, in process and at the same times. Where each
reply is the same, the client would have done the same there, so that the scenario need not be played: what it did is
judged by what the other scenario expects.
"""

from __future__ import annotations

from pollproof.clock import VirtualClock
from pollproof.gate.bounds import longest
from pollproof.gate.callbacks import address_in
from pollproof.gate.faults import Reply
from pollproof.gate.play import Played
from pollproof.gate.scenario import Scenario
from pollproof.gate.scenario_provider import StagedProvider

MAXIMUM_MET = 100
"""Requests of a scenario beyond which it is not compared: a client that sends so many is better played."""


def is_same(played: Played, scenario: Scenario) -> bool:
    """Whether a client would get in a scenario the responses that it got in the one that was played."""
    before, provider = played.result.scenario, played.provider
    if not _is_comparable(played) or scenario.answers is not None:
        return False
    if before.kind != scenario.kind or before.needs is not scenario.needs or len(provider.met) > MAXIMUM_MET:
        return False
    clock = VirtualClock()
    other = StagedProvider(provider.contract, clock, scenario)
    other.base_url = provider.base_url
    for moment, request, reply in provider.met:
        clock.advance(max(moment - clock.now(), 0.0))
        if _plain(other.play(request), other) != _plain(reply, provider):
            return False
    return played.result.virtual <= longest(other)


def _is_comparable(played: Played) -> bool:
    """Whether a command has ended by itself, and nothing but responses has come to it."""
    ended, server = played.ended, played.server
    called = any(address_in(task.asked) is not None for task in played.provider.order)
    undisturbed = not called and server.moment is None and not server.exceeded and not played.result.undecided
    return undisturbed and ended.stopped is None and not ended.cut


def _plain(reply: Reply, provider: StagedProvider) -> Reply:
    """A reply without what differs between two scenarios that are the same for a client: the words of its tokens."""
    body = reply.response.body
    for number, token in enumerate(provider.tokens):
        body = body.replace(token.encode(), b"token %d" % number)
    return reply._replace(response=reply.response._replace(body=body), before=None)
