"""What people should know of judged recordings: how they were read, and why a clause was not exercised by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollproof.clauses import KINDS
from pollproof.contract.model import Clause, Contract, Role, Subject
from pollproof.recordings.times import LONGEST_UNTOLD
from pollproof.runs.outcome import are_all_lost
from pollproof.text import plural

REMEMBERED_TASKS = 4_096
"""Tasks that are kept in mind at a time, in 3 KB each; a longer recording forgets those that were silent longest."""

_SHOWN_NAMES = 5
"""Names of one sort that a note lists; the rest is counted."""


def explained(document: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    """A report with what follows from the figures of its recordings: target, clock, notes, reasons.

    A report that was merged of several needs it: what they say apart is not what they say together.
    """
    recordings = document["recordings"]
    return {
        **document,
        "target": name_files(recordings["files"]),
        "error": "; ".join(recordings["unread"]) or None,
        "clock": clock_of(recordings["times"]),
        "notes": notes(contract, recordings),
        "clauses": [
            {**clause, "reason": reason(contract.clause(clause["id"]), contract, recordings)}
            if clause["verdict"] == "unexercised"
            else clause
            for clause in document["clauses"]
        ],
    }


def name_files(files: list[str]) -> str:
    """The files in few words."""
    return _several(files, "recordings") or "no recording"


def lost_bodies(recordings: Mapping[str, Any]) -> str:
    """How many response bodies were not recorded, in words; empty where all were."""
    lost = sum(recordings.get("bodies_not_recorded", {}).values())
    return f"{lost} of {recordings['responses']} response bodies were not recorded" if lost else ""


def clock_of(times: Mapping[str, int]) -> str:
    """Which clock judged, in words."""
    words = {"exact": "recorded times", "date": "Date headers, to the second", "none": "no times, order alone"}
    return ", ".join(
        f"{words[key]} ({times[key]})" if len(times) > 1 else words[key] for key in words if times.get(key)
    )


def reason(clause: Clause, contract: Contract, recordings: Mapping[str, Any]) -> str:
    """Why nothing in the recordings exercised a clause, as far as it is known."""
    kind = KINDS[clause.kind]
    times = recordings["times"]
    probe = getattr(clause.parameters, "probe", None)
    if probe is not None:
        return f"it needs a deliberately invalid request ({probe}); only recordings of pollproof's own mark those"
    wanted = contract.operations.get(getattr(clause.parameters, "operation", ""))
    roles = kind.roles if wanted is None else (wanted.role,)
    if not any(recordings["roles"].get(role.value) for role in roles):
        what = " or ".join(_NAMES.get(role, role.value) for role in roles)
        return f"no {what} was recorded"
    if are_all_lost(recordings) and clause.subject is Subject.PROVIDER:
        return "it needs a response body, and none was recorded"
    if kind.timed and not (times.get("exact") or times.get("date")):
        return "it needs times, and the recording has none"
    if kind.timed and not times.get("exact"):
        return "it needs times that are nearer to its limit; Date headers count in seconds"
    return "nothing recorded could have broken it"


_NAMES = {
    Role.CREATE: "creation",
    Role.POLL: "poll",
    Role.FETCH: "fetch of a result",
    Role.BATCH: "batch",
    Role.CALLBACK: "callback",
    Role.CANCEL: "cancellation",
    Role.DELETE: "deletion",
}


def notes(contract: Contract, recordings: Mapping[str, Any]) -> list[str]:
    """What people should know of how the recordings were read."""
    bases, times, judged = recordings["base_urls"], recordings["times"], recordings["judged"]
    lines = []
    if list(bases) != [contract.base_url.rstrip("/")] and bases:
        lines.append(f"judged as this API: {_counted(bases)}")
    if recordings["other_hosts"]:
        lines.append(
            f"skipped, to other hosts: {_counted(recordings['other_hosts'])}; --base-url names the one to judge"
        )
    if recordings["other_paths"]:
        lines.append(f"skipped, no operation of the contract: {_counted(recordings['other_paths'])}")
    for why, count in sorted(recordings["not_recorded"].items()):
        lines.append(f"skipped, {why}: {count}")
    if lost := lost_bodies(recordings):
        lines.append(f"{lost}, and nothing is judged by them: {_counted(recordings['bodies_not_recorded'])}")
    for what, count in sorted(recordings.get("bodies_mended", {}).items()):
        lines.append(f"bodies {what}: {count}")
    if repeated := recordings.get("repeated"):
        lines.append(f"counted once: {plural(repeated, 'entry', 'entries')} recorded twice, with the same time")
    lines += _about_times(recordings)
    if recordings["ignored"]:
        lines.append(f"no recordings: {_several(recordings['ignored'], 'files')}")
    timeless = times.get("none", 0)
    if timeless and judged:
        every = "no exchange" if timeless == judged else f"{timeless} exchanges"
        without = f"{every} has a time" if every == "no exchange" else f"{every} have no time"
        timed = [clause.id for clause in contract.clauses if KINDS[clause.kind].timed]
        lines.append(f"{without}, so clauses that need times are not judged by them: {', '.join(timed)}")
    if times.get("date"):
        lines.append("times come from Date headers, which count in seconds: nothing closer than that is judged")
    if recordings["requests_without_key"]:
        lines.append(
            f"without a key, as if it was removed: {recordings['requests_without_key']} requests; whether one was sent "
            "is not judged"
        )
    if recordings["requests_refused_for_key"]:
        refused = recordings["requests_refused_for_key"]
        lines.append(f"refused for the key: {refused} requests; what else they show is not judged")
    if recordings["polls_without_creation"]:
        lines.append(
            f"of tasks whose creation was not recorded: {recordings['polls_without_creation']} polls; neither the "
            "limits of these tasks nor their ids are judged (--whole says that the recordings hold everything)"
        )
    if judged > REMEMBERED_TASKS:
        lines.append(f"at most {REMEMBERED_TASKS:,} tasks are kept in mind at a time")
    return lines


def _about_times(recordings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the times of recordings, and what follows from it."""
    lines = []
    unusable = recordings.get("unusable_times", {})
    if unusable:
        count, place = sum(unusable.values()), next(iter(unusable))
        several = (
            "1 exchange has no usable time and is" if count == 1 else f"{count} exchanges have no usable time and are"
        )
        lines.append(f"{several} judged by the order alone; first at {place}")
    if untold := recordings.get("without_duration"):
        lines.append(
            f"how long {untold} exchange{'' if untold == 1 else 's'} took is not recorded: the age of a task is "
            f"judged as if each may have lasted {LONGEST_UNTOLD:g} s, and nothing nearer to a limit is judged"
        )
    if recordings.get("out_of_order"):
        lines.append(f"put into order of time: {recordings['out_of_order']} exchanges stand behind later ones")
    if recordings.get("clock_differs"):
        lines.append(
            f"the Date headers of {recordings['clock_differs']} exchanges are more than five minutes away from the "
            "recorded times, so one of both clocks is wrong; the recorded times are judged"
        )
    return lines


def _counted(counts: Mapping[str, int]) -> str:
    """The most frequent first; of equally frequent ones, in the order of the alphabet."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} ({count})" for name, count in ordered[:_SHOWN_NAMES])
    more = len(counts) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _several(names: list[str], what: str) -> str:
    return ", ".join(names) if len(names) <= _SHOWN_NAMES else f"{len(names)} {what}, {names[0]} to {names[-1]}"
