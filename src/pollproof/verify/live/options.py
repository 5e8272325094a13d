"""The options of live runs, checked at the edge: what they mean, or one sentence that says what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pollproof.contract.model import Contract
from pollproof.http.addresses import is_loopback, is_one_of
from pollproof.recordings.errors import RecordingError
from pollproof.verify.live_limits import Live


def check_target(base_url: str | None, *, live: bool, own: Sequence[str] = ()) -> None:
    """Raise ValueError for a remote target without `--live` that is not an `own` host, or `--live` without a target."""
    if live and base_url is None:
        raise ValueError("--live goes with --base-url, the address of the provider")
    if base_url is not None and not live and not is_loopback(base_url) and not is_one_of(base_url, own):
        host = urlsplit(base_url).hostname
        raise ValueError(
            f"{base_url} is a remote host; no request was sent. verify makes hundreds of requests, some deliberately "
            f"invalid. Use --live for a provider of others (--live --dry-run prints the plan), or --allow-host {host} "
            "if it is yours"
        )


def live_of(
    contract: Contract,
    base_url: str | None,
    *,
    live: bool,
    seconds: Mapping[str, float],
    others: Mapping[str, object],
    given: Mapping[str, Any],
    keyword: str | None = None,
) -> Live | None:
    """The limits of a live run, None for a run that is none; raises ValueError with one sentence.

    `given` are the fields of `Live`, `seconds` those of them that are durations, `others` options that do not go
    with a live run. A `keyword` that is the id of a clause asks about that one alone.
    """
    options = {name: value for name, value in given.items() if value is not None and value is not False}
    if not live:
        if options:
            raise ValueError(f"--{next(iter(options)).replace('_', '-')} goes with --live")
        return None
    from pollproof.recordings.writing import check_writable
    from pollproof.verify.live.record import check_resumable  # writers of recordings are loaded for runs that keep one

    assert base_url is not None
    name = next((name for name, value in others.items() if value is not None), None)
    if name is not None:
        raise ValueError(f"{name} does not go with --live: a real provider is not explored at random")
    for name in ("max_requests", "max_tasks"):
        if options.get(name, 1) < 1:
            raise ValueError(f"--{name.replace('_', '-')} {options[name]}: expected 1 or more")
    price = options.get("price", 0.0)
    if not math.isfinite(price) or price < 0:
        raise ValueError(f"--price {price:g}: expected an amount of 0 or more")
    resume, record = options.pop("resume", None), options.pop("record", None)
    if resume is not None and record is not None:
        raise ValueError("--record and --resume exclude each other: what is gone on with is kept in the same file")
    if any(clause.id == keyword for clause in contract.clauses):
        options["only"] = keyword
    try:
        if resume is not None:
            check_resumable(resume, contract, base_url)
            return replace(Live(resume, resume=True), **{**options, **seconds})
        record = record or _free(contract.name)
        check_writable(record)
    except RecordingError as error:
        raise ValueError(str(error)) from None
    return replace(Live(record), **{**options, **seconds})


def _free(provider: str) -> str:
    """A name for a record in the current folder that no file has."""
    names = (f"live-{provider}{'' if number == 1 else f'-{number}'}.yaml" for number in range(1, 1_000_000))
    return next(name for name in names if not Path(name).exists())
