"""Answer templates of the reference provider, compiled, and how mutants and legal variants change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pollproof.codecs import Codec
from pollproof.contract.model import Answer, Break
from pollproof.templates import compile_template, with_value, without
from pollproof.trace import Response


class Template:
    """An answer template, ready to be filled."""

    __slots__ = ("_body", "_headers", "_http", "_write")

    def __init__(self, answer: Answer, codec: Codec, writing: Mapping[str, Any]) -> None:
        self._http = answer.http
        own = {name.lower(): value for name, value in answer.headers}
        self._headers: Mapping[str, str] = {"content-type": codec.content_type, **own}
        self._body = None if answer.body is None else compile_template(answer.body)
        self._write = partial(codec.write, **writing) if writing else codec.write

    def value(self, words: Mapping[str, Any]) -> Any:
        """The body with these words, before it is written out."""
        return None if self._body is None else self._body(words)

    def fill(self, words: Mapping[str, Any]) -> Response:
        """The answer with these words."""
        body = b"" if self._body is None else self._write(self._body(words))
        return Response(self._http, self._headers, body)


def change(answer: Answer, operation: str, name: str, changes: Iterable[Break]) -> Answer:
    """The answer template `name` of an operation after the changes that select it."""
    for departure in changes:
        if departure.operation not in ("", operation) or departure.answer not in ("", name):
            continue
        body = answer.body
        for pointer in departure.remove:
            body = without(body, pointer)
        for pointer, value in departure.set:
            body = with_value(body, pointer, value)
        answer = replace(answer, body=body, http=answer.http if departure.http is None else departure.http)
    return answer
