"""Opening the target of a plan: the embedded reference, a URL, or a command that is launched; and its clock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pollproof.clock import Clock, VirtualClock
from pollproof.errors import RunError
from pollproof.http.target import InProcessTarget, Target
from pollproof.reference.provider import ReferenceProvider
from pollproof.verify.target_clocks import HookedClock, RealClock

if TYPE_CHECKING:
    from pollproof.http.client import HttpTarget
    from pollproof.verify.launch.command_line import Launch
    from pollproof.verify.plan import Plan


class NotOpened(RunError):
    """The target could not be started; the text is one sentence for people."""


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """A target, and the clock by which it lives; `words` say which, and `moved` whether it can be moved.

    `provider` is the embedded reference, `connect` opens one more connection to a target over HTTP, `hook` is the clock
    where a test hook moves it. `notes` are sentences about the clock, `last_words` the end of a sentence that tells why
    the target is gone; both are read when the run is over.
    """

    target: Target
    clock: Clock
    words: str
    moved: bool = True
    provider: ReferenceProvider | None = None
    connect: Callable[[float | None], HttpTarget] | None = None
    hook: HookedClock | None = None
    notes: Callable[[], list[str]] = list
    last_words: Callable[[], str] = str


@contextlib.contextmanager
def open_target(
    plan: Plan, provider: ReferenceProvider | None = None, granted: float | None = None
) -> Iterator[OpenTarget]:
    """The target of a plan, for as long as it is explored. Raises TargetError for a URL that is none, `NotOpened`.

    Where its clock cannot be moved, `granted` real seconds may be waited (the budget of the plan when left out).
    """
    granted = plan.budget if granted is None else granted
    if plan.called is not None:
        if plan.clock is None:
            yield OpenTarget(plan.called, RealClock(granted), f"real, {plan.budget:g} s granted", moved=False)
        else:
            yield OpenTarget(plan.called, plan.clock, "moved by its own clock")
    elif plan.launch is not None:
        with _launched(plan.launch, plan.budget, granted) as found:
            yield found
    elif plan.base_url is None:
        clock = VirtualClock()
        provider = ReferenceProvider(plan.contract, clock) if provider is None else provider
        provider.clock = clock
        target = InProcessTarget(plan.target, provider.handle)
        yield OpenTarget(target, clock, "virtual", provider=provider)
    else:
        from pollproof.http.client import HttpTarget  # takes its time to import

        connect = partial(HttpTarget, plan.base_url, may_resend=plan.live is None)
        with contextlib.closing(connect(None)) as server:
            if plan.advance_url is None:
                words = f"real, {plan.budget:g} s granted"
                yield OpenTarget(server, RealClock(granted), words, moved=False, connect=connect)
            else:
                with contextlib.closing(HookedClock(plan.advance_url, server)) as hook:
                    yield OpenTarget(server, hook, "moved through its hook", hook=hook, connect=connect)


@contextlib.contextmanager
def _launched(what: Launch, budget: float, granted: float) -> Iterator[OpenTarget]:
    from pollproof.http.client import HttpTarget
    from pollproof.verify.launch.command_line import LaunchError, launch

    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(launch(what))
        except LaunchError as error:
            raise NotOpened(str(error)) from None
        connect = partial(HttpTarget, running.server.base_url)
        target = stack.enter_context(contextlib.closing(connect(None)))
        clock = running.clock

        def last_words() -> str:
            return f"; {running.server.words()}"

        if clock is None:
            real = RealClock(granted)
            words = f"real, {budget:g} s granted, for the launched server does not follow the clock: {running.reason}"
            yield OpenTarget(target, real, words, moved=False, connect=connect, last_words=last_words)
        else:
            yield OpenTarget(
                target, clock, "leaping, launched", connect=connect, notes=lambda: clock.notes, last_words=last_words
            )
