"""The preflight: before a run judges anything it proves that it can.

The target is reached, the key is accepted, a task of each kind is created, a poll of it is answered with a state, and a
clock hook moves the clock. A failure is one paragraph: what was sent, what came, the likely causes, what to type.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pollproof.contract.conditions import moment_of
from pollproof.contract.model import Effect, Subject, TaskKind
from pollproof.errors import RunError
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import TRANSIENT_HTTP, Answer, Event
from pollproof.trace.exchange import Response
from pollproof.trace.reader import Reader
from pollproof.verify.handles import Handle
from pollproof.verify.plan import Plan
from pollproof.verify.session import Session

if TYPE_CHECKING:
    from pollproof.verify.targets import OpenTarget

ATTEMPTS = 4
"""Requests of one sort after which nothing better is expected."""

PAUSE = 0.15
"""Real seconds before a second attempt; each further one waits twice as long."""

BUSY = 20.0
"""The same in seconds of a clock that is moved."""

MAXIMUM_WAIT = 5.0
"""Real seconds in which a task may show by itself what a clock hook did not show."""

_SHOWN_BODY = 160
"""Characters of the body of a response that are shown."""

_CLOCK_STEPS = (1.0, 4.0, 15.0, 60.0, 300.0)
"""Seconds by which a clock hook is asked to move the clock, one after another, until a task shows it."""


_MEASURED = 60.0
"""Seconds by which a clock is moved to see how far the dates in responses move with it."""

_UNSHARP = 3.0
"""Seconds by which dates may differ: most are written in whole ones, and a request takes its time."""


_NO_OLDER = "a task did not grow older"

_OTHER_AMOUNT = (
    "the hook moves the clock by another amount than the seconds that it is sent",
    "it moves the clock of one process of several",
)


class PreflightFailed(RunError):
    """The target cannot be judged; the text is a paragraph for people."""


class Preflight:
    """Proves that a target can be judged. Its requests are not judged; `exchanges` counts them."""

    def __init__(self, plan: Plan, opened: OpenTarget) -> None:
        contract = plan.contract
        monitor = Monitor(Reader(contract), clauses_of(contract, Subject.PROVIDER))
        self._plan = plan
        self._contract = contract
        self._opened = opened
        self._session = Session(
            opened.target,
            opened.clock,
            monitor,
            credential=plan.credential,
            sample=plan.sample,
            without=plan.policy.allowed,
        )
        self._session.patient = True
        self.passed: list[str] = []
        self.is_measured = False

    @property
    def exchanges(self) -> int:
        """How many requests were sent."""
        return self._session.exchanges

    @property
    def tasks(self) -> Collection[str]:
        """The ids of the tasks that were created."""
        return self._session.monitor.account.tasks

    def run(self) -> None:
        """Make all checks, of which `passed` names those that passed. Raises `PreflightFailed`."""
        session = self._session
        polled: tuple[Handle, Event] | None = None
        for kind in (*session.kinds, *session.inline_kinds):
            handle = self._create(kind)
            self.passed.append(f"a task was created ({kind.name})")
            if handle is None or kind.inline:
                continue
            event = self._poll(handle)
            if event.response_errors:
                continue  # the right API answers, in a form that the clauses judge: it cannot show how time goes by
            self.passed.append(f"a poll was answered with a state ({kind.name})")
            polled = polled or (handle, event)
        if self._opened.hook is not None and polled is not None:
            self._check_hook(*polled)

    def _create(self, kind: TaskKind) -> Handle | None:
        """A task of a kind; None where only a look at the responses can tell what is wrong."""
        failed: Event | None = None
        for attempt in range(ATTEMPTS):
            event, handle = self._session.create(kind)
            if handle is not None and not event.response_errors:
                return handle
            if event.answer is Answer.STATE and not self._answers_alike(event):
                return None  # a creation that succeeds without an id, or in a wrong form, is judged, not refused
            failed = failed or event
            if not _is_passing(event) or (event.answer is Answer.NONE and attempt):
                break
            self._pause(attempt)
        assert failed is not None
        if not self.passed:
            raise PreflightFailed(self.paragraph("no task could be created", failed))
        raise PreflightFailed(
            self.paragraph(f"no task of the kind '{kind.name}' could be created", failed)
            + f" Where the target has no such tasks, add --allow-unexercised {kind.name}."
        )

    def _answers_alike(self, created: Event) -> bool:
        """Whether a poll of a task that does not exist gets the very answer that a creation got."""
        session = self._session
        polled = session.probe_unknown(self._contract.task_id["unknown"][0])
        one, other = created.exchange.response, None if polled is None else polled.exchange.response
        return one is not None and other is not None and (one.status, one.body) == (other.status, other.body)

    def _poll(self, handle: Handle) -> Event:
        session = self._session
        for attempt in range(ATTEMPTS):
            event = session.poll(handle)
            if event.answer is Answer.STATE or event.effect in (Effect.FAILED, Effect.RUNNING):
                return event
            if event.answer is Answer.NONE and attempt:
                break
            self._pause(attempt)
        if self._has_the_form(event):
            return event
        raise PreflightFailed(self.paragraph("a task was created, and no poll of it was answered with a state", event))

    def _has_the_form(self, event: Event) -> bool:
        """Whether a response that cannot be read says that it is one of the API: by success, and its content type."""
        response = event.exchange.response
        if event.answer is not Answer.UNREADABLE or response is None or not 200 <= response.status < 300:
            return False
        form = codec_of(self._contract).content_type.partition(";")[0].rpartition("/")[2]
        return form in response.headers.get("content-type", "")

    def _pause(self, attempt: int) -> None:
        time.sleep(PAUSE * 2**attempt)
        if self._opened.moved:
            # A busy provider is waited for: over a minute in all, which costs nothing where the clock is moved.
            self._session.clock.advance(max(self._session.wait, BUSY * 2**attempt))

    # ------------------------------------------------------------------------------------------------ the clock

    def _check_hook(self, handle: Handle, event: Event) -> None:
        """See a task change when the hook moves the clock: its status, or that it is lost after its lifetime."""
        session, limits = self._session, self._contract.limits
        before, moved = _state(event), _MEASURED
        self._measure(handle)
        final = event.phase is not None and event.phase.terminal
        ends = any(clause.kind == "lifetime-ended" for clause in self._contract.clauses)
        if final and (limits.lifetime is None or not ends):
            return  # what has ended need not change any more, so it cannot show how time goes by
        steps = _CLOCK_STEPS if not final else ()
        if limits.lifetime is not None:
            steps = (*steps, limits.lifetime + limits.lifetime_slack + 5.0)
        for seconds in steps:
            session.clock.advance(seconds)
            moved += seconds
            if _state(session.poll(handle)) != before:
                self.passed.append("the clock hook moves the clock")
                return
        if not final:
            began = time.monotonic()
            while time.monotonic() - began < MAXIMUM_WAIT:
                time.sleep(0.25)
                if _state(session.poll(handle)) != before:
                    took = time.monotonic() - began
                    words = f"{_NO_OLDER}; {took:.1f} s of real time did change it"
                    raise PreflightFailed(self._hook_words(moved, words))
            if limits.lifetime is None:
                return  # the task never ends, by any clock: that is for the clauses to say
        if self.is_measured:
            self.passed.append("the clock hook moves the clock")
            return
        words = f"{_NO_OLDER}: neither its status nor the end of its lifetime showed it"
        raise PreflightFailed(self._hook_words(moved, words))

    def _measure(self, handle: Handle) -> None:
        """Move the clock, and compare how far the dates in responses move with it, where they follow it at all."""
        session = self._session
        before, began, started = self._dates(handle), session.clock.now(), time.monotonic()
        session.clock.advance(_MEASURED)
        after = self._dates(handle)
        passed, really = session.clock.now() - began, time.monotonic() - started
        for name in before.keys() & after.keys():
            shown = after[name] - before[name]
            if abs(shown - really) <= _UNSHARP or before[name] % 60 == after[name] % 60 == 0:
                continue  # it follows another clock, or is written in whole minutes
            if abs(shown - passed) > _UNSHARP:
                words = f"{name} in the responses went on by {shown:g} s"
                raise PreflightFailed(self._hook_words(_MEASURED, words, *_OTHER_AMOUNT))
            self.is_measured = True

    def _dates(self, handle: Handle) -> dict[str, float]:
        """The dates in the response of a creation, by their names: that of the server, and that of the task."""
        event, _ = self._session.create(handle.kind)
        response = event.exchange.response
        headers = {} if response is None else response.headers
        found = {"the Date header": headers.get("date"), "the time of creation": event.marks.get("created_at")}
        return {name: date for name, value in found.items() if (date := moment_of(value)) is not None}

    def _hook_words(self, moved: float, seen: str, *causes: str) -> str:
        causes = causes or (
            "the hook answers without moving the clock by which tasks live",
            "it moves the clock of another process (one worker of several)",
            'it expects something other than {"seconds": N}',
            "tasks of this target have neither a solving time nor a lifetime",
            "the clock moves only after the hook has responded",
        )
        return (
            f"preflight: the clock hook {self._plan.advance_url} was called to move the clock by {moved:g} s in all "
            f"and answered with success, but {seen}. {_likely(*causes)} Fix the hook, or run without --advance-url, "
            f"with --launch or with --max-wait. To check again, type: {self._doctor()}"
        )

    # ------------------------------------------------------------------------------------------------ in words

    def paragraph(self, what: str, event: Event) -> str:
        """What failed, in one paragraph: what was sent, what came, the likely causes, what to type."""
        request, response = event.exchange.request, event.exchange.response
        base = self._plan.base_url or self._opened.target.name
        came = f"got no response: {event.exchange.failure}" if response is None else f"got {_response(response)}"
        error = self._contract.errors.get(event.error_code or "")
        if event.error_code is not None:
            came += f", error code {event.error_code[:80]}"
            came += f' ("{error.text}")' if error is not None and error.text else ", which the contract does not list"
        return (
            f"preflight: {what}. {request.method} {request.path or '/'} to {base} {came}. "
            f"{_likely(*filter(None, self._causes(event)))} To check again, type: {self._doctor()}"
        )

    def _causes(self, event: Event) -> list[str]:
        """The likely causes, the likeliest first; an empty text is none."""
        response = event.exchange.response
        if response is None:
            return ["the target is not running, or listens at another address", "a firewall, a proxy or TLS"]
        url, key, account = self._url_cause(), self._key_cause(), "the account: balance, permissions, a blocked address"
        task = "the task of the contract's sample does not suit this target (--task FILE)"
        known = "tasks are kept by another process, or forgotten at once"
        codes = self._contract.refusals
        if event.effect in (Effect.BUSY, Effect.BLOCKED) or response.status in TRANSIENT_HTTP:
            return ["the target is overloaded, or blocks this address or key: wait, then run again", url, account]
        if response.status in (401, 403) or event.error_code == codes.wrong_credential:
            return [key, account, url]
        if (
            event.effect in (Effect.LOST, Effect.UNCLEAR)
            and event.operation.name != self._session.create_operation.name
        ):
            return [known, url, "the id of the creation is not the id that polls take"]
        alike = event.answer is Answer.STATE  # and yet no task was created: a poll got the same response
        if response.status in (404, 405, 400, 410) or event.answer is Answer.UNREADABLE or alike:
            return [url, key, "another provider answers there: the contract is the wrong one"]
        if response.status >= 500:
            return ["the target failed: see its log", url, task]
        return [account, key, task]

    def _url_cause(self) -> str:
        path = urlsplit(self._contract.base_url).path.rstrip("/")
        given = urlsplit(self._plan.base_url or "").path.rstrip("/")
        if path and given != path:
            return f"the base URL: this contract's ends in {path}"
        return f"the base URL (the documented one is {self._contract.base_url})"

    def _key_cause(self) -> str:
        if self._contract.credential.at is None:
            return ""
        if self._plan.credential is None:
            return "the key: none was given, so the contract's sample was sent (--api-key, or POLLPROOF_API_KEY)"
        return "the key: it is mistyped, expired, or not for this target (--api-key)"

    def _doctor(self) -> str:
        plan, path = self._plan, urlsplit(self._contract.base_url).path.rstrip("/")
        words = ["pollproof", "doctor", plan.provider or self._contract.name]
        if plan.launch is not None:
            words += ["--launch", plan.launch.without_key()]
        elif plan.base_url is not None:
            given = urlsplit(plan.base_url)
            missing = path and not given.path.rstrip("/").endswith(path)
            words += ["--base-url", plan.base_url.rstrip("/") + (path if missing else "")]
        if plan.advance_url is not None:
            words += ["--advance-url", plan.advance_url]
        words += ["--task", plan.task] if plan.task is not None else []
        for host in plan.own_hosts:
            words += ["--allow-host", host]
        key = "" if self._contract.credential.at is None else ' --api-key "$POLLPROOF_API_KEY"'
        return shlex.join(words) + key


def _likely(*causes: str) -> str:
    """The sentence that names likely causes."""
    return f"Likely causes: {'; '.join(f'({number}) {cause}' for number, cause in enumerate(causes, 1))}."


def _is_passing(event: Event) -> bool:
    """Whether the same request may be answered otherwise a moment later."""
    response = event.exchange.response
    if response is None or response.status in TRANSIENT_HTTP:
        return True
    return event.effect in (Effect.BUSY, Effect.BLOCKED)


def _state(event: Event) -> tuple[object, ...]:
    """What a poll says of its task."""
    return event.answer, str(event.status), event.phase, event.effect


def _response(response: Response) -> str:
    """A response in few words: its status, and the start of its body."""
    text = " ".join(response.body[: 4 * _SHOWN_BODY].decode("utf-8", "replace").split())
    text = "".join(character if character.isprintable() else " " for character in text)
    if not text:
        return f"HTTP {response.status} with an empty body"
    return f"HTTP {response.status} with the body {text[:_SHOWN_BODY]!r}" + ("..." if len(text) > _SHOWN_BODY else "")
