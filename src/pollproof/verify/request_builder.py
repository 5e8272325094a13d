"""Builds the requests of an operation from the contract and the words of a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pollproof.contract.model import Contract, Operation
from pollproof.contract.templates import compile_template, names_in_template
from pollproof.trace.codecs import codec_of
from pollproof.trace.exchange import Request


class Builder:
    """Builds the requests of one operation."""

    __slots__ = ("_bodies", "_codec", "_header", "_headers", "_method", "_path", "_template", "_varies", "_varying")

    def __init__(self, operation: Operation, contract: Contract) -> None:
        credential = contract.credential
        self._method = operation.method
        self._path = operation.path
        if credential.at is not None and credential.at.area == "query":
            self._path += ("&" if "?" in self._path else "?") + credential.at.steps[0] + "={credential}"
        self._varies = "{" in self._path
        self._varying = {name.lower(): text for name, text in operation.headers.items() if names_in_template(text)}
        self._template = credential.template
        self._codec = codec = codec_of(contract, "request")
        ways = [] if operation.request is None else [operation.request, *operation.alternatives]
        self._bodies = [compile_template(way) for way in ways]
        self._header = credential.at.steps[0] if credential.at is not None and credential.at.area == "header" else None
        self._headers: dict[str, str] = {"accept": codec_of(contract).content_type.partition(";")[0]}
        if self._bodies:
            self._headers["content-type"] = codec.content_type
        if operation.element:
            self._headers["soapaction"] = f'"{operation.action}"'
        self._headers |= {name.lower(): text for name, text in operation.headers.items() if not names_in_template(text)}

    def body(self, credential: str, words: Mapping[str, Any], way: int = 0) -> Any:
        """The body before it is written out, in one of the documented ways; None where there is none."""
        if not self._bodies:
            return None
        fill = self._bodies[way % len(self._bodies)]
        return fill({**words, "credential": self._template.replace("{credential}", credential)})

    def build(self, credential: str, words: Mapping[str, Any], way: int = 0) -> Request:
        """The request with these words, its body in one of the documented ways."""
        headers = self._headers
        if self._header is not None:
            headers = {**headers, self._header: self._template.replace("{credential}", credential)}
        if self._varying:
            filled = {name: str(compile_template(text)(words)) for name, text in self._varying.items()}
            headers = {**headers, **filled}
        path = self._path
        if self._varies:
            written = self._template.replace("{credential}", credential)
            for name, word in {**words, "credential": written}.items():
                path = path.replace("{" + name + "}", quote(str(word), safe=""))
                path = path.replace("{+" + name + "}", quote(str(word), safe="/"))
        body = self.body(credential, words, way)
        return Request(self._method, path, headers, b"" if body is None else self._codec.write(body))
