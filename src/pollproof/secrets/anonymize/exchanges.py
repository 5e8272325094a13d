"""Exchanges: a whole trace, scrubbed in two passes. The first learns what is an id or a key, the second replaces."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pollproof.contract.model import SILENCE, Contract, Role
from pollproof.contract.places import View, compile_place
from pollproof.contract.signatures import signature_of
from pollproof.monitor.monitor import Monitor, clauses_of
from pollproof.secrets.anonymize.contents import Contents
from pollproof.secrets.anonymize.failures import known_beginning
from pollproof.secrets.anonymize.forms import UNIX_TIME, is_short_number
from pollproof.secrets.anonymize.headers import HeaderScrubber
from pollproof.secrets.anonymize.texts import Texts
from pollproof.secrets.anonymize.vocabulary import vocabulary_of
from pollproof.secrets.redact import MINIMUM_SECRET
from pollproof.trace.client_outcome import OUTCOME_ADDRESS
from pollproof.trace.events import CALLBACK_PATH, Answer, Event, task_key
from pollproof.trace.exchange import Exchange, Request, Response
from pollproof.trace.reader import Reader

NOWHERE = "http://callback.invalid/"
"""Where callbacks went, when no request of the trace says it."""

MAXIMUM_COUNT = 6
"""Digits of a progress or a waiting time."""


class Scrubbed(NamedTuple):
    """What came of scrubbing: the exchanges of the contract, where those that are callbacks went, and figures.

    `skipped` are exchanges of no operation of the contract. `allowed` are the texts that stay and the pseudonyms,
    `secrets` the keys that were found in the trace.
    """

    exchanges: tuple[Exchange, ...]
    addresses: tuple[str | None, ...]
    skipped: int
    counts: Counter[str]
    allowed: frozenset[str]
    secrets: frozenset[str]


class Scrubber:
    """Scrubs one trace of a contract. `secrets` are keys of the account, `salt` what pseudonyms are drawn from."""

    def __init__(
        self, contract: Contract, *, base_url: str = "", secrets: Iterable[str] = (), salt: bytes | None = None
    ) -> None:
        self._contract = contract
        self._given = [secret for secret in secrets if secret]
        self._vocabulary = vocabulary_of(contract)
        serious = frozenset(secret for secret in self._given if len(secret) >= MINIMUM_SECRET)
        self._texts = Texts(self._vocabulary, salt, serious)
        at = contract.credential.at
        self._credential = compile_place(at)
        header = at.steps[0] if at is not None and at.area == "header" else ""
        self._headers = HeaderScrubber(self._texts, self._vocabulary.headers, header)
        self._contents = Contents(contract, self._texts)
        for url in (base_url, contract.base_url):
            self._texts.addresses.hosts.add(urlsplit(url).hostname or "")
        opening, _, closing = contract.credential.template.partition("{credential}")
        self._opening, self._closing = opening, closing
        if opening:
            self._texts.openings = (opening,)

    def scrub(self, exchanges: Iterable[Exchange]) -> Scrubbed:
        """The exchanges of the contract's operations without anything that is not known to be harmless."""
        reader = Reader(self._contract)
        trace = list(exchanges)
        events = [event for number, one in enumerate(trace) if (event := reader.read(one, number))]
        self._learn(events)
        made = tuple(self._exchange(event) for event in events)
        texts = self._texts
        keys = {key for event in events if (key := self._key(event))}
        hosts = frozenset(texts.addresses.hosts)
        return Scrubbed(
            made,
            tuple(self._addresses(events)),
            len(trace) - len(events),
            texts.counts,
            texts.made | self._vocabulary.values | self._vocabulary.names | texts.kept | hosts,
            frozenset(key for key in keys if not self._vocabulary.knows(key)),
        )

    # ---------------------------------------------------------------------------------- learning

    def _learn(self, events: Sequence[Event]) -> None:
        identifiers: set[str] = set()
        for event in events:
            found = [event.raw_task, event.echo, *(member.raw_task for member in event.members)]
            for raw in found:
                identifiers |= set(_forms(raw))
            marks = event.marks
            for name in ("created_at", "updated_at"):
                moment = marks.get(name)
                if isinstance(moment, str) and UNIX_TIME.fullmatch(moment):
                    self._texts.plain.add(moment)
            signature = event.operation.signature
            signed = "" if signature is None else signature.over.lower()
            for name, moment in event.exchange.request.headers.items() if signed else ():
                if f"{{{name.lower()}}}" in signed and UNIX_TIME.fullmatch(moment):
                    self._texts.plain.add(moment)
            for name in ("progress", "retry_after"):
                number = marks.get(name)
                if isinstance(number, str) and len(number) <= MAXIMUM_COUNT and number.isdecimal():
                    self._texts.plain.add(number)
        known = self._vocabulary.values
        self._texts.identifiers |= {one for one in identifiers if one not in known and not is_short_number(one)}
        self._learn_keys(events)

    def _learn_keys(self, events: Sequence[Event]) -> None:
        sample = self._contract.credential.sample
        if not sample:
            return
        keys = {form for secret in self._given for form in (secret, b64encode(secret.encode()).decode())}
        seen = Counter(
            key for event in events if (key := self._key(event)) and not event.probe and event.answer is Answer.STATE
        )
        if not keys & {key for event in events if (key := self._key(event))}:
            keys |= {key for key, _ in seen.most_common(1)}
        for key in keys:
            if not self._vocabulary.knows(key):
                self._texts.fixed[key] = sample

    def _key(self, event: Event) -> str | None:
        """The key of a request, without what is written around it."""
        request = event.exchange.request
        found = self._credential(View(event.request, None, {}, request.headers, {}, None))
        if not isinstance(found, str):
            return None
        if self._opening and found[: len(self._opening)].lower() == self._opening.lower():
            found = found[len(self._opening) :]
        return found.removesuffix(self._closing) or None

    # --------------------------------------------------------------------------------- replacing

    def _exchange(self, event: Event) -> Exchange:
        exchange = event.exchange
        request, response = exchange.request, exchange.response
        scrub = self._contents.outcome if event.operation.role is Role.OUTCOME else self._contents.request
        sent = self._signed(
            event,
            Request(
                request.method,
                self._path(event),
                self._headers.request(request.headers),
                scrub(request.body),
            ),
        )
        received = None
        if response is not None:
            body = self._contents.body(response.body)
            received = Response(response.status, self._headers.response(response.headers), body)
        probe = exchange.probe if exchange.probe in self._contract.probe_names else None
        failure = None if response is not None else known_beginning(exchange.failure)
        return exchange._replace(request=sent, response=received, failure=failure, probe=probe)

    def _signed(self, event: Event, made: Request) -> Request:
        """A callback with a signature that is right where the one that was sent was, and wrong where it was not."""
        signature, sent = event.operation.signature, event.exchange.request
        if signature is None or signature.header.lower() not in {name.lower() for name in sent.headers}:
            return made
        headers = {name.lower(): value for name, value in sent.headers.items()}
        shown = headers[signature.header.lower()]
        right = signature_of(signature, signature.secret, sent.body, headers)
        wrong = b64encode(b"another secret").decode()
        secret = signature.secret if right in (shown, *shown.replace(",", " ").split()) else wrong
        written = signature_of(signature, secret, made.body, made.headers)
        return made._replace(headers={**made.headers, signature.header.lower(): written})

    def _path(self, event: Event) -> str:
        """The path of a request: its operation's, with the pseudonym of the id in it, and a scrubbed query."""
        request, operation = event.exchange.request, event.operation
        path, mark, query = request.path.partition("?")
        if operation.role is not Role.CALLBACK:
            stem = path.rstrip("/")
            path = self._filled(operation.path.partition("?")[0], stem) + path[len(stem) :][:1]
        return f"{path}?{self._texts.addresses.query(query)}" if mark else path

    def _filled(self, template: str, path: str) -> str:
        """A path that a template fits, with what stands for its variables replaced."""
        pieces = re.split(r"\{(\+?)\w+\}", template)
        literals = pieces[::2]
        wanted = ["(.+)" if plus else "([^/]+)" for plus in pieces[1::2]]
        pattern = "".join(re.escape(literal) + one for literal, one in zip(literals, [*wanted, ""], strict=True))
        found = re.fullmatch(pattern, path)
        if found is None:
            return template  # the operation shares its path with others, so the body decided which it was
        values = [quote(self._texts.text(unquote(value)), safe="") for value in found.groups()]
        return literals[0] + "".join(value + literal for value, literal in zip(values, literals[1:], strict=True))

    def _addresses(self, events: Sequence[Event]) -> Iterable[str | None]:
        """For each event, where its callback went (None for what the client asked)."""
        wanted: dict[str | None, str] = {}
        for event in events:
            if event.operation.role is Role.OUTCOME:
                yield OUTCOME_ADDRESS
                continue
            if event.operation.role is Role.CALLBACK:
                yield wanted.get(event.task) or next(reversed(wanted.values()), NOWHERE)
                continue
            address = _callback_of(event.request)
            if address is not None and event.exchange.request.path != CALLBACK_PATH:
                wanted[event.task] = self._texts.text(address)
            yield None


def _forms(raw: Any) -> Iterable[str]:
    """An id in the forms in which it may come again."""
    key = task_key(raw)
    if key is None or len(key) < 2:
        return
    yield key
    yield unquote(key)
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e40:
        yield str(int(raw))


def _callback_of(request: Any) -> str | None:
    """The address to which a creation wants its callback, by the name that APIs give it."""
    if not isinstance(request, dict):
        return None
    for name, value in request.items():
        if name.lower().startswith("callback") and isinstance(value, str) and value.startswith("http"):
            return value
    return None


def judged_otherwise(contract: Contract, before: Iterable[Exchange], after: Iterable[Exchange]) -> tuple[str, ...]:
    """The clauses whose verdict, or number of times exercised, differs between two traces."""
    ledgers = []
    for trace in (before, after):
        monitor = Monitor(Reader(contract), clauses_of(contract))
        for exchange in trace:
            known = exchange.probe in (None, SILENCE, *contract.probe_names)
            monitor.observe(exchange if known else exchange._replace(probe=None))
        ledgers.append(monitor.ledger)
    return tuple(
        clause.id
        for clause in clauses_of(contract)
        if _verdict(ledgers[0][clause.id]) != _verdict(ledgers[1][clause.id])
    )


def _verdict(entry: Any) -> tuple[Any, ...]:
    return entry.verdict, entry.exercised, entry.violations
