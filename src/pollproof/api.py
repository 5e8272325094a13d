"""The public functions: load a contract, judge a trace, verify an implementation, gate a client, check recordings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pollproof.clock import Clock
from pollproof.contract.model import Contract, Subject
from pollproof.http.target import Target
from pollproof.loading import load_contract
from pollproof.monitor.ledger import Ledger
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.report.document import build_document
from pollproof.report.phrases import summarize_run
from pollproof.report.terminal import violation_lines
from pollproof.runs.outcome import Document, Outcome, failing, outcome_of
from pollproof.runs.result import AnyResult
from pollproof.runs.spec import Policy
from pollproof.trace.exchange import Exchange
from pollproof.trace.reader import reader_of

IN_PROCESS = "http://localhost"
"""The address that stands in reports for an implementation that is called in this process."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run: its result, and the document of which every report is a view."""

    result: AnyResult
    document: Document

    @property
    def outcome(self) -> Outcome:
        """How the run ended."""
        return outcome_of(self.document)

    @property
    def summary(self) -> str:
        """The whole run in one line."""
        return summarize_run(self.document)

    @property
    def violations(self) -> list[str]:
        """Each violation that fails the run, as a text of several lines."""
        broken = failing(self.document, strict=bool(self.document["strict"]))
        return ["\n".join(violation_lines(clause)) for clause in broken]

    def verdict(self, clause: str) -> str:
        """The verdict of a clause: held, violated or unexercised. Raises LookupError for an unknown id."""
        for entry in self.document["clauses"]:
            if entry["id"] == clause:
                return str(entry["verdict"])
        raise LookupError(f"unknown clause '{clause}'")


def judge_trace(contract: str | Contract, exchanges: Iterable[Exchange], *subjects: Subject) -> Ledger:
    """Judge exchanges as one trace, in the order in which they were sent; they may overlap.

    Args:
        contract: a bundled name, the path of a contract file, or a contract.
        exchanges: requests with their responses, and the times at which both were sent and received, in seconds.
        subjects: the sides whose clauses are judged; both when none is given.

    Returns:
        The ledger: the verdict of each clause, and the shortest evidence of each violation.
    """
    own = _contract(contract)
    monitor = Monitor(reader_of(own), clauses_of(own, *subjects))
    trace = list(exchanges)
    if all(exchange.sent == exchange.sent for exchange in trace):  # not NaN: the times are known
        trace.sort(key=lambda exchange: exchange.sent)
    for _ in monitor.observe_all(trace):
        pass
    return monitor.ledger


def run_verify(
    contract: str,
    base_url: str | None = None,
    *,
    target: Target | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> Report:
    """Verify an implementation, or the embedded reference provider where no URL is given.

    Args:
        contract: a bundled name or the path of a contract file.
        base_url: the address of the implementation.
        target: an implementation that is called in this process, instead of a URL. It is closed when the run has ended.
        clock: the clock by which `target` lives; real time when left out.
        options: those of `pollproof verify` with `_` for `-`: `api_key`, `advance_url`, `launch`, `task`, `max_wait`
            (such as "60s"), `profile`, `examples`, `seed`, `strict`, `require_all`, `allow_unexercised`, ...

    Raises:
        InputError: for what cannot be used. What happens in the run is in the report.
    """
    from pollproof.verify.judge import verify_target
    from pollproof.verify.options import plan_from

    policy, rest = _policy(options)
    if "max_wait" in rest:
        rest["budget"] = rest.pop("max_wait")
    if target is not None:
        base_url = base_url or IN_PROCESS
    plan = plan_from(contract, base_url=base_url, policy=policy, live=bool(rest.pop("live", False)), **rest)
    try:
        return _report(verify_target(replace(plan, called=target, clock=clock)))
    finally:
        if target is not None:
            target.close()


def run_gate(
    contract: str | Contract,
    command: Sequence[str],
    **options: Any,
) -> Report:
    """Judge a client: start a command for each scenario of the contract, against the reference provider.

    Args:
        contract: a bundled name, the path of a contract file, or a contract.
        command: the words that start the client.
        options: `scenarios` (names, or an expression as for `pytest -k`), `profile` (ci for a sample where none are
            named, deep for all of them), `task` (the one to create where the contract's sample does not suit), `clock`
            (auto, leap or real), `timeout` (seconds of real time for one scenario), `max_wait` (those for all
            scenarios where the clock cannot be moved), `strict`, `require_all`, `allow_unexercised`.

    Raises:
        InputError: for what cannot be used.
    """
    from pollproof.gate.prepare import Chosen, prepare
    from pollproof.gate.run import judge

    policy, chosen = _policy(options)
    if "max_wait" in chosen:
        chosen["budget"] = chosen.pop("max_wait")
    unknown = sorted(set(chosen) - Chosen.__optional_keys__)
    if unknown:
        raise TypeError(f"run_gate() got an unexpected keyword argument '{unknown[0]}'")
    name = contract if isinstance(contract, str) else ""
    return _report(judge(prepare(_contract(contract), command, provider=name, policy=policy, **chosen)))


def run_check(
    contract: str | Contract,
    *files: str | Path,
    base_url: str | None = None,
    together: bool = False,
    whole: bool = False,
    subject: str | None = None,
    **policy: Any,
) -> Report:
    """Judge recordings: cassettes of vcrpy and HAR files.

    Args:
        contract: a bundled name, the path of a contract file, or a contract.
        files: files, folders or patterns.
        base_url: the address of the API to judge where a recording holds several.
        together: take all files as one trace.
        whole: the recordings hold all traffic of the client, so foreign task ids are its fault.
        subject: provider or client, where the clauses about one side alone are judged.
        policy: `strict`, `require`, `require_all`, `allow_unexercised`.

    Raises:
        InputError: for what cannot be used. A file that cannot be read is the error of the report.
    """
    from pollproof.check.judging import CheckSpec, begin_checking
    from pollproof.check.judging import check as judge
    from pollproof.recordings.files import find_recordings, located

    own, names = _contract(contract), tuple(map(str, files))
    chosen = None if subject is None else frozenset(each.id for each in clauses_of(own, Subject(subject)))
    name = contract if isinstance(contract, str) else ""
    spec = CheckSpec(own, names, base_url, together, whole, provider=name, policy=_policy(policy)[0], selected=chosen)
    return _report(
        judge(
            own,
            find_recordings(names),
            base_url=base_url,
            together=together,
            whole=whole,
            named=frozenset(map(located, names)),
            result=begin_checking(spec),
        )
    )


def _contract(contract: str | Contract) -> Contract:
    return load_contract(contract) if isinstance(contract, str) else contract


def _policy(options: Mapping[str, Any]) -> tuple[Policy, dict[str, Any]]:
    """The policy in some options, and the other options."""
    rest = dict(options)
    strict, require_all = bool(rest.pop("strict", False)), bool(rest.pop("require_all", False))
    required, allowed = (_names(rest.pop(name, ())) for name in ("require", "allow_unexercised"))
    return Policy(strict, require_all, required, allowed), rest


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _report(result: AnyResult) -> Report:
    return Report(result, build_document(result))
