"""Answer templates of the reference provider, compiled, and how mutants and legal variants change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pollproof.contract.model import Break, ReferenceResponse
from pollproof.contract.templates import compile_template, names_in_template, with_value, without
from pollproof.trace.codecs import Codec
from pollproof.trace.exchange import Response

KEPT_TEXTS = 256
"""Responses of a template that are kept written."""


class Template:
    """A response template, ready to be filled."""

    __slots__ = ("_body", "_filled", "_fixed", "_varying", "_words", "_write", "http")

    def __init__(self, answer: ReferenceResponse, codec: Codec, writing: Mapping[str, Any]) -> None:
        self.http = answer.http
        own = {name.lower(): value for name, value in answer.headers}
        kind = {} if answer.body is None else {"content-type": codec.content_type}
        self._fixed: Mapping[str, str] = {
            **kind,
            **{name: text for name, text in own.items() if not names_in_template(text)},
        }
        varying = {name: text for name, text in own.items() if names_in_template(text)}
        self._varying = {name: (compile_template(text), names_in_template(text)) for name, text in varying.items()}
        self._body = None if answer.body is None else compile_template(answer.body)
        self._words = tuple(sorted(names_in_template(answer.body) | names_in_template(list(own.values()))))
        self._filled: dict[tuple[Any, ...], Response] = {}
        self._write = partial(codec.write, **writing) if writing else codec.write

    def value(self, words: Mapping[str, Any]) -> Any:
        """The body with these words, before it is written out."""
        return None if self._body is None else self._body(words)

    def fill(self, words: Mapping[str, Any]) -> Response:
        """The response with these words; it is written once where the same words come again and again."""
        key: list[Any] = []
        for name in self._words:
            word = words.get(name)
            if type(word) is not str and type(word) is not int:
                return self._fill(words)
            key += [name, word] if type(word) is str else [name, word, int]
        known = tuple(key)
        answer = self._filled.get(known)
        if answer is None:
            if len(self._filled) >= KEPT_TEXTS:
                self._filled.clear()
            answer = self._filled[known] = self._fill(words)
        return answer

    def _fill(self, words: Mapping[str, Any]) -> Response:
        body = b"" if self._body is None else self._write(self._body(words))
        headers = self._fixed
        if self._varying:
            filled = {
                name: str(fill(words))
                for name, (fill, needed) in self._varying.items()
                if all(words.get(word, "") is not None for word in needed)  # null: there is no such header
            }
            headers = {**headers, **filled}
        return Response(self.http, headers, body)


def change(answer: ReferenceResponse, operation: str, name: str, changes: Iterable[Break]) -> ReferenceResponse:
    """The response template `name` of an operation after the changes that select it."""
    for departure in changes:
        if departure.operation not in ("", operation) or departure.answer not in ("", name):
            continue
        body = answer.body
        for pointer in departure.remove:
            body = without(body, pointer)
        for pointer, value in departure.set:
            body = with_value(body, pointer, value)
        changed = {name.lower(): text for name, text in departure.headers}
        kept = tuple((name, text) for name, text in answer.headers if name.lower() not in changed)
        headers = (*kept, *((name, text) for name, text in changed.items() if text))
        http = answer.http if departure.http is None else departure.http
        answer = replace(answer, body=body, http=http, headers=headers)
    return answer
