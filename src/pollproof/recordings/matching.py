"""Matching: which recorded requests belong to a contract, and what they are as its exchanges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote, urlsplit

from pollproof.contract.model import REFUSED_KEY, Contract, Role
from pollproof.contract.places import follow_steps
from pollproof.recordings.assembly import REQUEST_LOST
from pollproof.recordings.entry import Entry, Times
from pollproof.recordings.hosts import Address, address_of, domain, is_local
from pollproof.recordings.keys import Keys
from pollproof.recordings.recorded_body import is_mark
from pollproof.recordings.tally import SeenEntries, Tally
from pollproof.recordings.times import LONGEST_UNTOLD, MILLISECOND
from pollproof.trace.client_outcome import OUTCOME_PATH
from pollproof.trace.codecs import codec_of
from pollproof.trace.events import CALLBACK_PATH
from pollproof.trace.exchange import UNKNOWN_TIME, Exchange, Request, Response

IDS_MARKED = "a mark stands in the place of its task id"
"""Why a request with which nothing can be judged is left out, where a filter replaced ids."""

LOOKED_AT = 200
"""Entries of a file among which one that shows a key tells that keys were not taken out."""

LOOKED_AT_MOST = 1 << 14
"""Bytes of a body among which its task id stands."""

MAXIMUM_CALLBACKS = 100_000
"""Callback addresses that are remembered."""

LEAST_TAKEN = 0.004
"""Seconds that an exchange took at least of which an equal one is the same, recorded twice: a hot loop is faster."""

_BEFORE_ALL = float("-inf")
"""The time of the latest exchange where there was none."""

REDIRECTS = (301, 302, 307, 308)
"""HTTP statuses that send a request elsewhere (RFC 9110, 15.4)."""

NO_TIMES = Times(UNKNOWN_TIME, UNKNOWN_TIME)
"""The times of an entry that has none."""

_KEY_REFUSALS = (401, 403, 407)
"""HTTP statuses with which a request is refused for its key (RFC 9110, 15.5)."""


class Matcher:
    """Finds the exchanges of one contract among the entries of one trace, in one file or several.

    `callbacks` are the addresses for callbacks that are known, `keys` those of the account, or their hashes, `seen`
    the entries of the trace that were read elsewhere.
    `base_url` narrows to one implementation. Without it,
    traffic with the provider's own domain is taken, and traffic with test set-ups (loopback, private addresses, names
    reserved for tests), by the paths of the operations.
    """

    def __init__(
        self,
        contract: Contract,
        tally: Tally,
        base_url: str | None = None,
        callbacks: set[str] | None = None,
        keys: Iterable[str] = (),
        seen: SeenEntries | None = None,
    ) -> None:
        self.contract = contract
        self.tally = tally
        self._base = None if base_url is None else address_of(base_url)
        own = address_of(contract.base_url)
        assert own is not None, "the loader has checked the base URL"
        self._own = own
        self._domain = None if is_local(own.host) else domain(own.host)
        self._prefix = own.path.rstrip("/")
        self._callbacks: set[str] = set() if callbacks is None else callbacks
        self._called_back = contract.operation_of(Role.CALLBACK) is not None
        self._elements: dict[str, list[bytes]] = {}
        self._paths: list[tuple[str, re.Pattern[str]]] = []
        self._creations: list[tuple[str, re.Pattern[str]]] = []
        for operation in contract.operations.values():
            if operation.role is Role.CALLBACK:
                continue
            if operation.element:
                self._elements.setdefault(operation.method, []).append(operation.element.encode())
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path))
            self._paths.append((operation.method, re.compile(f"{pattern}/*")))
            if self._called_back and operation.role in (Role.CREATE, Role.BATCH):
                self._creations.append(self._paths[-1])
        self._with_body = {o.method for o in contract.operations.values() if o.request is not None} - {
            o.method for o in contract.operations.values() if o.request is None and o.role is not Role.CALLBACK
        }
        self._methods = {method for method, _ in self._paths}
        self._address, self._read = contract.callback_address, codec_of(contract, "request").read
        self._codes = [contract.refusals.wrong_credential.encode()] if contract.refusals.wrong_credential else []
        self._keys = Keys(contract, keys)
        self._marked = _marked_ids(contract)
        self._locate = lru_cache(maxsize=65536)(self._relative)
        self._latest = _BEFORE_ALL
        self._rises = False  # a file may have its newest entries first
        self._seen, self._repeats = SeenEntries() if seen is None else seen, False

    def exchanges(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Exchange]]:
        """The exchanges of one file, in its order. Its first requests show whether keys were taken out."""
        self._latest, self._rises = _BEFORE_ALL, False
        self._keys.kept = False
        stream = iter(entries)
        first: list[Entry] = []
        if self._keys.can_be_missing:
            for entry in stream:
                first.append(entry)
                self._keys.kept = not entry.own and self._keys.is_shown(entry) and self._is_of_contract(entry)
                if self._keys.kept or entry.own or len(first) >= LOOKED_AT:
                    break
        for entry in chain(first, stream):
            exchange = self.exchange(entry)
            if exchange is not None:
                yield entry, exchange

    def _is_of_contract(self, entry: Entry) -> bool:
        return not isinstance(self._locate(entry.method, entry.url), str)

    def exchange(self, entry: Entry) -> Exchange | None:
        """The exchange that an entry is; None where it belongs to something else, which is counted."""
        tally = self.tally
        tally.entries += 1
        if entry.problem is not None and entry.inbound:
            raise entry.problem
        if entry.inbound and entry.url.endswith(OUTCOME_PATH):
            return self._take(entry, OUTCOME_PATH)
        if self._called_back and (entry.inbound or self._is_callback(entry)):
            return self._take(entry, CALLBACK_PATH)
        found = self._locate(entry.method, entry.url)
        if isinstance(found, str):
            if found == "elsewhere":
                address = address_of(entry.url)
                tally.elsewhere["an address that is not a URL" if address is None else address.origin] += 1
            else:
                tally.unknown[f"{entry.method} {urlsplit(entry.url).path}"[:80]] += 1
            return None
        base, path = found
        known = self._base is not None or not self._elements or base in tally.bases or base.startswith(self._own.origin)
        if entry.problem is not None and known:
            raise entry.problem
        if entry.skipped is not None and known:
            tally.unrecorded[entry.skipped] += 1
            return None
        if self._elements and not self._names_operation(entry):
            tally.unknown[f"{entry.method} without an operation of the contract"] += 1
            return None
        if not entry.own and (
            lost := "redirected elsewhere with the same path" if _is_sent_on(entry) else self._lost(entry)
        ):
            tally.unrecorded[lost] += 1
            return None
        if self._is_repeated(entry):
            tally.repeated += 1
            return None
        if base not in tally.bases and len(tally.bases) >= 1000:
            base = "further addresses"
        tally.bases[base] += 1
        if any(verb == entry.method and pattern.fullmatch(path) for verb, pattern in self._creations):
            self._note_callback(entry.request_body)
        return self._take(entry, path)

    def _is_repeated(self, entry: Entry) -> bool:
        """Whether an entry stands in the trace a second time, as in exports that overlap or were put together."""
        times = entry.times
        if entry.own or times is None or times.precision > MILLISECOND or times.received != times.received:  # NaN
            return False
        if self._seen.is_new(entry):
            return False
        self._repeats = self._repeats or times.received - times.sent > LEAST_TAKEN
        return self._repeats

    # ---------------------------------------------------------------------------------------- where

    def _relative(self, method: str, url: str) -> tuple[str, str] | str:
        """The base URL of a request and its path below it, or the reason why it is skipped."""
        address = address_of(url)
        if address is None:
            return "elsewhere"
        if self._base is not None:
            return self._below_given(self._base, address)
        foreign = not (is_local(address.host) or domain(address.host) == self._domain)
        if foreign and not self._elements:
            return "elsewhere"
        return self._below_any(method, address)

    def _below_given(self, base: Address, address: Address) -> tuple[str, str] | str:
        prefix = base.path.rstrip("/")
        path = address.path
        if address[:3] != base[:3] or not (path == prefix or path.startswith(prefix + "/")):
            return "elsewhere"
        return base.origin + prefix, path[len(prefix) :] or ("" if self._elements else "/")

    def _below_any(self, method: str, address: Address) -> tuple[str, str] | str:
        path = address.path
        if method not in self._methods:
            return "unknown"
        if self._elements:  # operations that are told apart by their body: the address itself is the base
            return address.origin + path, ""
        starts = [0, *(match.start() for match in re.finditer("/", path))]
        if path.startswith(self._prefix + "/"):
            starts.insert(0, len(self._prefix))
        for start in starts:
            below = path[start:]
            if any(verb == method and pattern.fullmatch(below) for verb, pattern in self._paths):
                return address.origin + path[:start], below
        return "unknown"

    def _lost(self, entry: Entry) -> str:
        """What a recorder took out of a request, so that nothing can be judged by it; empty where it did not."""
        if not entry.request_body and entry.method in self._with_body:
            if entry.request_headers.get("content-length", "").strip() != "0":
                return REQUEST_LOST
        for text in (entry.request_body, entry.response_body):
            found = None if self._marked is None else self._marked.search(text, 0, LOOKED_AT_MOST)
            if found is not None and is_mark(found[1].decode("utf-8", "replace")):
                return IDS_MARKED
        return IDS_MARKED if _has_mark(entry.url) else ""

    def _names_operation(self, entry: Entry) -> bool:
        """Whether the body names one of the operations that share a path; one that cannot be read may."""
        if self._base is not None or entry.own:
            return True
        return any(name in entry.request_body for name in self._elements.get(entry.method, ()))

    # ------------------------------------------------------------------------------------ callbacks

    def _is_callback(self, entry: Entry) -> bool:
        return bool(self._callbacks) and entry.method == "POST" and entry.url in self._callbacks

    def _note_callback(self, body: bytes) -> None:
        """Remember the address for callbacks that a creation names, where its contract says that it stands."""
        if self._address.steps and self._address.steps[-1].encode() not in body:
            return  # most name none, and are not parsed a second time
        found = follow_steps(self._read(body), self._address.steps)
        if isinstance(found, str) and len(self._callbacks) < MAXIMUM_CALLBACKS:
            self._callbacks.add(found)

    # --------------------------------------------------------------------------------- the exchange

    def _take(self, entry: Entry, path: str) -> Exchange:
        tally = self.tally
        tally.matched += 1
        headers, body = entry.request_headers, entry.request_body
        if not entry.own and path != CALLBACK_PATH:
            completed = self._keys.completed(entry)
            if completed is not None:
                headers, body = completed
                tally.keyless += 1
        response = None
        if entry.status is not None:
            response = Response(entry.status, entry.response_headers, entry.response_body)
        elif path == CALLBACK_PATH and entry.probe is None:
            response = Response(200, {}, b"")
        probe = entry.probe
        if probe is None and response is not None and not entry.own:
            if path not in (CALLBACK_PATH, OUTCOME_PATH) and self._keys.is_foreign(entry):
                probe = "wrong-credential"
            elif self._refuses_key(response) and (not self._keys.kept or self._keys.is_shown(entry)):
                probe = REFUSED_KEY
                tally.refused_keys += 1
        times, longest = entry.times, UNKNOWN_TIME
        if entry.mended:
            tally.mended.update(entry.mended)
        if entry.untimed is not None:
            tally.note_untimed(entry.untimed)
        tally.skewed += entry.skewed
        if entry.status is not None or entry.lost is not None:
            tally.responses += 1
        if entry.lost is not None:
            tally.lost[entry.lost] += 1
        if times is None:
            tally.times["none"] += 1
            times = NO_TIMES
        else:
            tally.backward += times.sent + times.precision < self._latest
            tally.times["date" if times.precision >= 1 else "exact"] += 1
            if times.received != times.received:  # NaN
                longest = LONGEST_UNTOLD
                tally.untold += response is not None
                if self._rises and 0 < self._latest - times.sent <= longest:
                    # Lines that are written at the end of an exchange show so that it was open when others were sent.
                    times = times._replace(received=times.sent + times.precision + longest)
            self._rises = self._rises or times.sent > self._latest > _BEFORE_ALL
            self._latest = max(self._latest, times.sent)
        return Exchange(
            Request(entry.method, path, headers, body),
            response,
            times.sent,
            times.received,
            entry.failure,
            probe,
            times.precision,
            recorded=entry.lost is None,
            longest=longest,
        )

    def _refuses_key(self, response: Response) -> bool:
        return response.status in _KEY_REFUSALS or any(code in response.body for code in self._codes)


def _is_sent_on(entry: Entry) -> bool:
    """Whether a response only sends a request to the same path elsewhere, as from http to https: no API responds so."""
    place = entry.response_headers.get("location") if entry.status in REDIRECTS else None
    if not place:
        return False
    before, after = address_of(entry.url), address_of(place)
    return before is not None and after is not None and before != after and before.path == after.path


def _marked_ids(contract: Contract) -> re.Pattern[bytes] | None:
    """Finds a task id without digits in a body, JSON or XML; None where a contract has none there."""
    places = {operation.task_id for operation in contract.operations.values()}
    names = {place.steps[-1] for place in places if place is not None and place.area == "body" and place.steps}
    if not names:
        return None
    name = "|".join(re.escape(name) for name in sorted(names)).encode()
    name = name if len(names) == 1 else b"(?:" + name + b")"
    if contract.body == "json":
        return re.compile(b'"' + name + rb'"\s*:\s*"([^"\\0-9]{3,80})"')
    return re.compile(name + rb"(?:\s[^>]*)?>([^<\s0-9][^<0-9]{2,79})<")


@lru_cache(maxsize=4096)
def _has_mark(url: str) -> bool:
    """Whether a mark stands in the place of a part of a path."""
    return any(len(each) > 3 and is_mark(each) for each in unquote(urlsplit(url).path).split("/"))
