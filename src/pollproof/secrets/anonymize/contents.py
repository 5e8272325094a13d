"""Contents: bodies of requests and answers. What cannot be read stays unreadable, without anything that it said."""

from __future__ import annotations

from pollproof.contract.model import Contract
from pollproof.secrets.anonymize.texts import Texts
from pollproof.trace.bodies import Unreadable, read_json, write_json

MAXIMUM_UNREADABLE = 32
"""Characters that stand for a body that cannot be read."""


class Contents:
    """Scrubs the bodies of one contract."""

    def __init__(self, contract: Contract, texts: Texts) -> None:
        self._texts = texts
        self._soap = contract.body != "json"
        self._requests = contract.requests or contract.body

    def request(self, body: bytes) -> bytes:
        """The body of a request, which may be a form where responses are none."""
        return self._form(body) if self._requests == "form" and body.strip() else self.body(body)

    def body(self, body: bytes) -> bytes:
        """A body with its structure and none of its secrets."""
        if not body.strip():
            return body[:1]
        return self._markup(body) if self._soap else self.outcome(body)

    def _form(self, body: bytes) -> bytes:
        from pollproof.trace.markup import read_form, write_form

        value = read_form(body)
        return self._unreadable(body) if isinstance(value, Unreadable) else write_form(self._texts.value(value))

    def outcome(self, body: bytes) -> bytes:
        """A body in JSON, which what a client said at its end is in every contract."""
        value = read_json(body)
        if type(value) is Unreadable:
            return self._unreadable(body)
        try:
            return write_json(self._texts.value(value))
        except (ValueError, RecursionError):  # a number beyond what JSON has, say
            return self._unreadable(body)

    def _markup(self, body: bytes) -> bytes:
        from pollproof.secrets.anonymize.markup import Markup
        from pollproof.trace import soap

        root = soap.parse_xml(body)
        if isinstance(root, Unreadable):
            return self._unreadable(body)
        try:
            return Markup(self._texts).write(root)
        except (ValueError, RecursionError, StopIteration):
            return self._unreadable(body)

    def _unreadable(self, body: bytes) -> bytes:
        """What stands for a body that cannot be read: of the same kind, and the same for the same."""
        text = body.decode("latin-1")
        self._texts.counts["bodies"] += 1
        word = self._texts.pseudonyms.word(text, MAXIMUM_UNREADABLE).rstrip(".")
        start = text.lstrip("\ufeff\xef\xbb\xbf \t\r\n")
        if self._soap:
            made = f"<!DOCTYPE x><{word}/>" if "<!DOCTYPE" in text else f"<{word}" if start.startswith("<") else word
            return made.encode()
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            return b"\xff" + word.encode()
        if start.startswith("<"):
            return f"<html><body>{word}</body></html>".encode()
        if start.startswith(("{", "[")):  # cut short, most likely
            half = "\\ud800" if "\\ud" in text.lower() else ""
            return f'{start[0]}"{word}{half}'.encode()
        return word.encode()
