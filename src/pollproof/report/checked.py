"""The document of judged recordings, and why a clause was not exercised by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pollproof import __version__
from pollproof.clauses import KINDS
from pollproof.codecs import codec_of
from pollproof.contract.model import Clause, Contract, Role
from pollproof.contract.places import MISSING, View, compile_place
from pollproof.ledger import Ledger
from pollproof.recordings.judging import REMEMBERED, Checking
from pollproof.report.document import Document, clauses_of, decided, observe
from pollproof.report.redact import Redactor

SHOWN = 5
"""Names of one sort that a note lists; the rest is counted."""


def document_of_check(
    checking: Checking,
    *,
    strict: bool = False,
    require_all: bool = False,
    required: Iterable[str] = (),
    clauses: frozenset[str] | None = None,
) -> Document:
    """The report of judged recordings: all clauses, or these; `required` are those that must have been exercised."""
    contract, tally, ledger = checking.contract, checking.tally, checking.ledger
    redactor = Redactor(secrets_of(contract, ledger))
    told = clauses_of(contract, ledger, redactor)
    told = [clause for clause in told if clauses is None or clause["id"] in clauses]
    for clause in told:
        if clause["verdict"] == "unexercised":
            clause["reason"] = reason(contract.clause(clause["id"]), checking)
    document: Document = {
        "pollproof": __version__,
        "mode": "check",
        "provider": contract.name,
        "target": _several(checking.files, "recordings") or "no recording",
        "outcome": "",
        "error": "; ".join(str(error) for error in checking.unread) or None,
        "seed": None,
        "clock": clock_of(tally.times),
        "exchanges": tally.matched,
        "examples": 0,
        "seconds": round(checking.seconds, 3),
        "notes": [redactor.text(note) for note in notes(checking)],
        "clauses": told,
        "observations": [observe(observation, checking.solving) for observation in contract.observations],
        "unspecified": [{"about": entry.about, "reason": entry.reason} for entry in contract.unspecified],
        "complete": checking.complete and not checking.unread,
        "recordings": {
            "files": checking.files,
            "ignored": checking.ignored,
            "unread": [str(error) for error in checking.unread],
            "entries": tally.entries,
            "judged": tally.matched,
            "base_urls": dict(tally.bases),
            "other_hosts": dict(tally.elsewhere),
            "other_paths": dict(tally.unknown),
            "not_recorded": dict(tally.unrecorded),
            "times": dict(tally.times),
            "polls_without_creation": checking.orphans,
        },
    }
    decision = decided(document, strict=strict, require_all=require_all)
    missing = {clause["id"] for clause in told if clause["verdict"] == "unexercised"}.intersection(required)
    if missing and decision["outcome"] == "passed":
        decision["outcome"] = "inconclusive"
    return decision


def clock_of(times: Counter[str]) -> str:
    """Which clock judged, in words."""
    words = {"exact": "recorded times", "date": "Date headers, to the second", "none": "no times, order alone"}
    return ", ".join(f"{words[key]} ({times[key]})" if len(times) > 1 else words[key] for key in words if times[key])


def secrets_of(contract: Contract, ledger: Ledger) -> set[str]:
    """The keys that stand in the exchanges that will be shown: a recording of somebody else's may hold real ones."""
    place = contract.credential.at
    if place is None:
        return set()
    read, codec = compile_place(place), codec_of(contract.body, contract.namespace)
    before, _, after = contract.credential.template.partition("{credential}")
    found: set[str] = set()
    for entry in ledger.entries.values():
        for exchange in () if entry.evidence is None else entry.evidence.trace.exchanges:
            request = exchange.request
            body = codec.read(request.body) if place.area == "body" else MISSING
            value = read(View(body, MISSING, {}, request.headers, {}, None))
            if isinstance(value, str):
                found |= {value, value.removeprefix(before).removesuffix(after)}
    return found


def reason(clause: Clause, checking: Checking) -> str:
    """Why nothing in the recordings exercised a clause, as far as it can be told."""
    kind = KINDS[clause.kind]
    tally = checking.tally
    probe = getattr(clause.parameters, "probe", None)
    if probe is not None:
        return f"it needs a request that is wrong on purpose ({probe}); only recordings of pollproof's own mark those"
    wanted = checking.contract.operations.get(getattr(clause.parameters, "operation", ""))
    roles = kind.roles if wanted is None else (wanted.role,)
    if not any(checking.roles[role] for role in roles):
        what = " or ".join(_NAMES.get(role, role.value) for role in roles)
        return f"no {what} was recorded"
    if kind.timed and not (tally.times["exact"] or tally.times["date"]):
        return "it needs times, and the recording has none"
    if kind.timed and not tally.times["exact"]:
        return "it needs times that are nearer to its limit; Date headers count in seconds"
    return "nothing recorded could have broken it"


_NAMES = {
    Role.CREATE: "creation",
    Role.POLL: "poll",
    Role.FETCH: "fetch of a result",
    Role.BATCH: "batch",
    Role.CALLBACK: "callback",
    Role.CANCEL: "cancellation",
}


def notes(checking: Checking) -> list[str]:
    """What people should know of how the recordings were read."""
    contract, tally = checking.contract, checking.tally
    told = []
    if list(tally.bases) != [contract.base_url.rstrip("/")] and tally.bases:
        told.append(f"judged as this API: {_counted(tally.bases)}")
    if tally.elsewhere:
        told.append(f"skipped, to other hosts: {_counted(tally.elsewhere)}; --base-url names the one to judge")
    if tally.unknown:
        told.append(f"skipped, no operation of the contract: {_counted(tally.unknown)}")
    for why, count in tally.unrecorded.items():
        told.append(f"skipped, {why}: {count}")
    if checking.ignored:
        told.append(f"no recordings: {_several(checking.ignored, 'files')}")
    if tally.times["none"] and tally.matched:
        every = "no exchange" if tally.times["none"] == tally.matched else f"{tally.times['none']} exchanges"
        without = f"{every} has a time" if every == "no exchange" else f"{every} have no time"
        timed = [clause.id for clause in contract.clauses if KINDS[clause.kind].timed]
        told.append(f"{without}, so clauses that need times are not judged by them: {', '.join(timed)}")
    if tally.times["date"]:
        told.append("times come from Date headers, which count in seconds: nothing closer than that is judged")
    if tally.keyless:
        told.append(
            f"without a key, as if it was removed: {tally.keyless} requests; whether one was sent is not judged"
        )
    if tally.refused_keys:
        told.append(f"refused for the key: {tally.refused_keys} requests; what else they show is not judged")
    if checking.orphans:
        told.append(
            f"of tasks whose creation was not recorded: {checking.orphans} polls; neither the limits of these tasks "
            "nor their ids are judged (--whole says that the recordings hold everything)"
        )
    if tally.matched > REMEMBERED:
        told.append(f"at most {REMEMBERED:,} tasks are kept in mind at a time")
    return told


def _counted(counts: Counter[str]) -> str:
    shown = ", ".join(f"{name} ({count})" for name, count in counts.most_common(SHOWN))
    more = len(counts) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _several(names: list[str], what: str) -> str:
    return ", ".join(names) if len(names) <= SHOWN else f"{len(names)} {what}, {names[0]} to {names[-1]}"
