"""YAML cassettes, entry by entry: built from the events of the C parser, so that nothing of a file is constructed.

PyYAML's loaders spend most of their time on resolving types that a cassette does not need, and hold it whole. Here
scalars stay text (null and `!!binary` apart), so no tag can make anything but text, lists and mappings.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from pollproof.recordings.errors import RecordingError
from pollproof.recordings.foreign import about_list, is_old_cassette
from pollproof.recordings.json_entries import MAXIMUM_KEYS
from pollproof.recordings.yaml_guards import Anchors, GuardedStream, OversizedCassette

_MAXIMUM_DEPTH = 100
"""How deep a cassette may nest; vcrpy's own reach eight."""

MAXIMUM_NODES = 1_000_000
"""Nodes of one entry; an ordinary one has a hundred."""

_MAXIMUM_DIGITS = 300
"""Digits of a number that Python turns into one."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_TAG = "tag:yaml.org,2002:"
_HARMLESS = frozenset(
    _TAG + name
    for name in (
        "str", "binary", "int", "float", "bool", "null", "map", "seq", "timestamp",
        "python/str", "python/unicode", "python/bytes", "python/tuple",
        "python/object:vcr.request.Request", "python/object/apply:__builtin__.frozenset",
        "python/object/apply:builtins.frozenset",
    )
)  # fmt: skip
"""Tags that only say what a value is. Others would make an object, which no reader of recordings does."""

_BYTES = frozenset({_TAG + "binary", _TAG + "python/bytes"})

_FILE = _TAG + "python/object/new:_io.BytesIO"
_ITERATOR = _TAG + "python/object/apply:builtins.iter"
"""How older versions of vcrpy wrote request bodies that were files and iterators; only the content is taken."""


class YamlEntries:
    """Reads one cassette; iterating gives each interaction as plain data. `metadata` is filled on the way.

    `found` tells whether there was a list of interactions at all.
    """

    format = "cassette"

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self.metadata: Any = None
        self.found = False
        self.keys: dict[str, Any] = {}
        self._stream = GuardedStream(stream)
        self._name = name
        self._anchors = Anchors()
        self._count = 0

    def __iter__(self) -> Iterator[Any]:
        import yaml

        try:
            from yaml import CSafeLoader as Loader
        except ImportError:  # PyYAML without libyaml: the same events, more slowly
            from yaml import SafeLoader as Loader  # type: ignore[assignment]
        loader: Any = None
        try:
            loader = Loader(self._stream)
            yield from self._document(loader.get_event)
        except (yaml.YAMLError, UnicodeError) as error:
            raise RecordingError(self._name, self._place(error), f"no YAML ({_words(error)})") from None
        except OversizedCassette as error:
            raise RecordingError(self._name, self._place(None), str(error)) from None
        except RecursionError:
            raise RecordingError(self._name, self._place(None), "nested too deeply") from None
        finally:
            if loader is not None:
                loader.dispose()

    def _place(self, error: Any) -> str:
        mark = getattr(error, "problem_mark", None)
        return f"line {mark.line + 1}" if mark is not None else f"after interaction {self._count}"

    def _refuse(self, event: Any, problem: str) -> RecordingError:
        return RecordingError(self._name, f"line {event.start_mark.line + 1}", problem)

    def _document(self, get: Callable[[], Any]) -> Iterator[Any]:
        from yaml.events import (
            DocumentStartEvent,
            MappingEndEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceStartEvent,
            StreamEndEvent,
        )

        get()  # the start of the stream
        first = get()
        if isinstance(first, StreamEndEvent):
            raise RecordingError(self._name, "", "the file is empty")
        assert isinstance(first, DocumentStartEvent)
        self._stream.begun()
        root = get()
        bare = isinstance(root, SequenceStartEvent)  # vcrpy's oldest format: the interactions alone
        if bare:
            yield from self._interactions(get, root, bare=True)
        elif not isinstance(root, MappingStartEvent):
            raise self._refuse(root, "no cassette: expected a mapping with 'interactions'")
        while not bare and not isinstance(event := get(), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._refuse(event, "no cassette: expected a key such as 'interactions'")
            key, event = event.value, get()
            if key != "interactions":
                value = self._node(get, event)
                if key == "metadata":
                    self.metadata = value
                if len(self.keys) < MAXIMUM_KEYS:
                    self.keys[key] = value if isinstance(value, str) else ""
                continue
            if self.found:
                raise self._refuse(event, "'interactions' is there twice")
            self.found = True
            if not isinstance(event, SequenceStartEvent):
                raise self._refuse(event, "'interactions' must be a list")
            yield from self._interactions(get, event)
        get()  # the end of the document
        if not isinstance(event := get(), StreamEndEvent):
            raise self._refuse(event, "a second document; a cassette is one")

    def _interactions(self, get: Callable[[], Any], start: Any, *, bare: bool = False) -> Iterator[Any]:
        from yaml.events import SequenceEndEvent

        while not isinstance(event := get(), SequenceEndEvent):
            node = self._node(get, event)
            if bare and not self._count and not is_old_cassette(node):
                raise self._refuse(start, about_list(node))
            self.found = True
            self._count += 1
            self._stream.settle()
            yield node
        if not self.found:
            raise self._refuse(start, about_list(None))

    def _node(self, get: Callable[[], Any], event: Any) -> Any:
        """One value with all that is in it, without recursion."""
        from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

        anchors = self._anchors
        if type(event) is ScalarEvent:
            return self._scalar(event)
        if type(event) is AliasEvent:
            return self._alias(event)
        stack: list[tuple[Any, Any, str | None, str | None]] = []  # what is being built around the current collection
        current: Any
        key: Any = None
        awaiting = True  # of a mapping: whether the next node is a key
        current = self._begin(event)
        anchor, tag = event.anchor, event.tag
        typed = 0  # how deep the request body is that is written as YAML itself, 0 outside of one
        nodes = 0
        while True:
            event = get()
            kind = type(event)
            nodes += 1
            if nodes > MAXIMUM_NODES:
                raise self._refuse(event, f"one interaction with more than {MAXIMUM_NODES:,} nodes")
            if kind is ScalarEvent:
                if event.tag is None and event.anchor is None and not event.implicit[0]:
                    value: Any = event.value  # quoted
                else:
                    value = self._scalar(event)
                    if typed and event.tag is None and type(value) is str and (type(current) is list or not awaiting):
                        value = typed_scalar(value)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if awaiting and type(current) is dict:
                    raise self._refuse(event, "a key must be text")
                if len(stack) >= _MAXIMUM_DEPTH:
                    raise self._refuse(event, f"nested more than {_MAXIMUM_DEPTH} deep")
                stack.append((current, key, anchor, tag))
                if not typed and key == "body" and len(stack) > 1 and stack[-2][1] in _PARTS:
                    typed = len(stack)
                current, anchor, tag = self._begin(event), event.anchor, event.tag
                key, awaiting = None, True
                continue
            elif kind is AliasEvent:
                value = self._alias(event)
            else:  # the end of the current collection
                value = current if tag is None else self._tagged(current, tag)
                if anchor is not None:
                    anchors.note(anchor, value)
                if not stack:
                    return value
                current, key, anchor, tag = stack.pop()
                awaiting = False
                if len(stack) < typed:
                    typed = 0
            if type(current) is list:
                current.append(value)
            elif awaiting and kind is ScalarEvent:
                key, awaiting = value, False
            elif awaiting:
                raise self._refuse(event, "a key must be text")
            else:
                if key == "<<":
                    raise self._refuse(event, "merge keys (<<) are not read")
                current[key] = value
                awaiting = True

    def _begin(self, event: Any) -> Any:
        from yaml.events import MappingStartEvent

        if event.tag is not None and event.tag not in _HARMLESS and event.tag not in (_FILE, _ITERATOR):
            raise self._refuse(event, f"the tag {_tag(event.tag)} would make an object, which is never done")
        if event.anchor is not None:
            self._anchors.forget(event.anchor)
        return {} if isinstance(event, MappingStartEvent) else []

    def _scalar(self, event: Any) -> Any:
        value, tag = event.value, event.tag
        if tag is None:
            if event.implicit[0] and value in _NULLS:
                value = None
        elif tag in _BYTES:
            try:
                value = base64.b64decode(value.encode("ascii"), validate=False)
            except (binascii.Error, ValueError):
                raise self._refuse(event, "!!binary that is not base64") from None
        elif tag not in _HARMLESS:
            raise self._refuse(event, f"the tag {_tag(tag)} would make an object, which is never done")
        if event.anchor is not None:
            self._anchors.note(event.anchor, value)
        return value

    def _alias(self, event: Any) -> Any:
        try:
            return self._anchors.value(event.anchor, event.start_mark.index)
        except KeyError:
            raise self._refuse(event, f"the alias *{event.anchor[:40]} has no anchor before it") from None

    @staticmethod
    def _tagged(value: Any, tag: str) -> Any:
        """The content of a body that was a file or an iterator; other values as they are."""
        if tag not in (_FILE, _ITERATOR) or not isinstance(value, dict):
            return value
        parts = value.get("state" if tag == _FILE else "args")
        content = parts[0] if isinstance(parts, list) and parts else ""
        if isinstance(content, list):
            pieces = [piece.encode() if isinstance(piece, str) else piece for piece in content]
            return b"".join(piece for piece in pieces if isinstance(piece, bytes))
        return content


_INTEGER = re.compile("[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_PARTS = ("request", "response")
_WORDS = {
    word: value
    for value, words in {True: "true True TRUE", False: "false False FALSE"}.items()
    for word in words.split()
}


def typed_scalar(text: str) -> Any:
    """A plain scalar as the number or truth value that it is: vcrpy keeps the JSON that aiohttp is given as YAML."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) < _MAXIMUM_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    return text


def _tag(tag: str) -> str:
    return repr(tag.replace(_TAG, "!!")[:60])


def _words(error: Any) -> str:
    """What a YAML error says, in one line and without the file's content."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    return " ".join(str(problem).split())[:120]
