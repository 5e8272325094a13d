"""Options to plans: what people type, checked at the edge, and the command that shows a finding again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pollproof.errors import InputError
from pollproof.http.addresses import TargetError
from pollproof.loading import ContractError, load_contract
from pollproof.runs.spec import Policy
from pollproof.secrets.find import in_command
from pollproof.secrets.redact import MINIMUM_SECRET, Redactor
from pollproof.text import nearest, shorten
from pollproof.trace.bodies import Unreadable, read_json, write_json
from pollproof.verify.plan import BUDGET, PROFILES, Plan

if TYPE_CHECKING:
    from pollproof.contract.model import Contract
    from pollproof.verify.launch.command_line import Launch
    from pollproof.verify.live_limits import Live

DEFAULT = Policy()

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$")
LONGEST_DURATION = 1e9
"""Seconds of a duration at most, as a clock hook takes them: no clock of the system counts much further."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class OptionError(InputError):
    """An option that cannot be used; its text is one sentence for people."""


def parse_duration(text: str) -> float:
    """A duration such as 90, 60s, 5m or 250ms in seconds; raises `OptionError`."""
    match = _DURATION.match(text.strip())
    if match is None:
        raise OptionError(f"invalid duration '{shorten(text, 40)}'; expected a number with s, m, h or ms, such as 60s")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST_DURATION:
        raise OptionError(f"invalid duration '{shorten(text, 40)}'; at most {LONGEST_DURATION:.0f}s (31 years)")
    return seconds


def sample_of(path: str) -> dict[str, Any]:
    """The task in a JSON file; raises `OptionError`."""
    try:
        value = read_json(Path(path).read_bytes())
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # a name with a null character in it
        raise OptionError(f"{path!r}: cannot be read ({error})") from None
    if isinstance(value, Unreadable):
        raise OptionError(f"{path}: {value.problem.removeprefix('the body ')}")
    if not isinstance(value, dict):
        raise OptionError(f"{path}: expected a JSON object, the task to create")
    try:
        write_json(value)
    except ValueError:
        raise OptionError(f"{path}: holds a number that is too large to be sent") from None
    return value


def _addressed(url: str, named: str = "base URL", *, query: bool = True) -> None:
    """Raise TargetError for a URL that cannot be addressed."""
    from pollproof.http.client import HttpTarget  # takes its time to import

    HttpTarget(url, named=named, query=query)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What people type for a run, unchecked; the names are those of the options."""

    base_url: str | None = None
    api_key: str | None = None
    second_api_key: str | None = None
    advance_url: str | None = None
    task: str | None = None
    callback_url: str | None = None
    budget: str | None = None
    examples: int | None = None
    profile: str = "ci"
    seed: int = 0
    launch: str | None = None
    example_db: str | None = None
    live: bool | None = None
    allow_host: Sequence[str] | None = None
    policy: Policy = DEFAULT

    def check(self) -> None:
        """Raise `OptionError` for options that cannot be used, or not together."""
        needing = {
            "--advance-url": self.advance_url,
            "--api-key": self.api_key,
            "--second-api-key": self.second_api_key,
            "--task": self.task,
            "--callback-url": self.callback_url,
        }
        name = next((name for name, given in needing.items() if given), None)
        if self.base_url is None and self.launch is None and name is not None:
            raise OptionError(f"{name} goes with --base-url or --launch: the embedded reference needs none")
        if self.launch is not None and self.advance_url is not None:
            raise OptionError("--launch and --advance-url exclude each other: a launched server needs no hook")
        if self.profile not in PROFILES:
            near = nearest(self.profile, PROFILES)
            raise OptionError(f"unknown profile '{self.profile}'; expected one of {', '.join(PROFILES)}{near}")
        if self.examples is not None and self.examples < 0:
            raise OptionError(f"--examples {self.examples}: expected 0 or more")
        for option, key in (("--api-key", self.api_key), ("--second-api-key", self.second_api_key)):
            if key is not None and not key.strip():
                instead = " to send the contract's sample" if option == "--api-key" else ""
                raise OptionError(f"{option} is empty; give a key, or leave the option out{instead}")
            if key is not None and len(key) < MINIMUM_SECRET:
                raise OptionError(
                    f"the API key has fewer than {MINIMUM_SECRET} characters and cannot be masked in reports; "
                    "use a longer key"
                )
        if self.second_api_key is not None and self.second_api_key == self.api_key:
            raise OptionError("--second-api-key is the key of --api-key; give another key of your own")


def plan_from(provider: str, **given: Any) -> Plan:
    """The plan that options mean; raises `OptionError` with one sentence.

    `given` are the fields of `PlanOptions`, and the further options of live runs with the `keyword` of -k. With `live`
    None it does not matter whether a provider is a real one.
    """
    own = {each.name for each in fields(PlanOptions)}
    options = PlanOptions(**{name: value for name, value in given.items() if name in own})
    limits = {name: value for name, value in given.items() if name not in own}
    options.check()
    base_url, budget = options.base_url, options.budget
    try:
        contract = load_contract(provider)
        started = None if options.launch is None else _launch(options.launch, base_url, contract, options.api_key)
        if started is not None:
            base_url = started.base_url
        if base_url is not None:
            _addressed(base_url if started is None else started.at(1)[1], query=False)
        if options.advance_url is not None:
            _addressed(options.advance_url, named="clock hook")
        if options.callback_url is not None:
            _addressed(options.callback_url, named="URL for callbacks", query=False)
    except (ContractError, TargetError) as error:
        raise OptionError(str(error)) from None
    wished = None if options.live is None else _live(contract, base_url, started, options, limits)
    if wished is not None:
        from pollproof.verify.live_limits import LIVE_BUDGET, with_skew

        contract, budget = with_skew(contract, wished.clock_skew), budget or f"{LIVE_BUDGET:g}s"
    return Plan(
        contract=contract,
        base_url=base_url,
        credential=options.api_key,
        second_credential=options.second_api_key,
        advance_url=options.advance_url,
        sample=None if options.task is None else sample_of(options.task),
        task=options.task,
        callback_url=options.callback_url,
        profile=options.profile,
        examples=options.examples,
        seed=options.seed,
        budget=BUDGET if budget is None else parse_duration(budget),
        launch=started,
        example_db=None if options.example_db is None else _database(options.example_db),
        live=wished,
        own_hosts=tuple(options.allow_host or ()),
        provider=provider,
        policy=options.policy,
    )


def _live(
    contract: Contract, base_url: str | None, started: Launch | None, options: PlanOptions, limits: dict[str, Any]
) -> Live | None:
    from pollproof.verify.live.options import check_target, live_of

    live, own = bool(options.live), tuple(options.allow_host or ())
    others = {"--launch": started, "--examples": options.examples, "--example-db": options.example_db}
    skew, keyword = limits.get("clock_skew"), limits.pop("keyword", None)
    seconds = {} if skew is None else {"clock_skew": parse_duration(skew)}
    try:
        check_target(None if started is not None else base_url, live=live, own=own)
        return live_of(contract, base_url, live=live, seconds=seconds, others=others, given=limits, keyword=keyword)
    except ValueError as error:
        raise OptionError(str(error)) from None


def _database(url: str) -> str:
    from pollproof.verify.example_db import NoDatabase, database_at

    try:
        database_at(url)
    except NoDatabase as error:
        raise OptionError(str(error)) from None
    return url


def _launch(command: str, base_url: str | None, contract: Contract, api_key: str | None) -> Launch:
    from pollproof.verify.launch.command_line import launch_of

    prefix = urlsplit(contract.base_url).path.rstrip("/")
    key = contract.credential.sample if api_key is None else api_key
    try:
        return launch_of(command, base_url, prefix, key)
    except ValueError as error:
        raise OptionError(Redactor([key, *in_command(command.split())]).text(str(error))) from None
