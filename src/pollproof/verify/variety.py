"""Variety: what else the documents let a client send, derived from the contract's data and the schemas of its requests.

A task is varied one parameter at a time: another value of its type, a value that the schema gives as an example, the
texts on which encoders fail. Only what the request's schema lets pass is kept. A body is written in other forms that
mean the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pollproof.contract.model import Contract, Operation, Role, TaskKind
from pollproof.contract.templates import compile_template, names_in_template, with_value, without
from pollproof.trace.codecs import Check, Codec, checks_of, codec_of

_LONG_TEXT = 320
"""Characters of a long text: more than the 255 that fit in many a column."""

TEXTS = (
    "a+b c%20d 100% &=?#;",
    " spaces at both ends ",
    "two\nlines and a\ttab",
    "caf\u00e9 in NFC",
    "cafe\u0301 in NFD",
    "\u4efb\u52a1 \U0001f600 \u00df \u0130",
    "MiXeD CaSe",
    "quotes \" and ' \\ </b> &amp; ]]>",
    "x" * _LONG_TEXT,
    "007",
    "1e3",
    "true",
    "null",
    "",
)
"""Texts that something between a client and a database changes, by and by."""

PATHS = ("?q=a+b&c=%20d%2Fe&f=1;2", "/MiXeD/CaSe/", "/" + "x" * _LONG_TEXT, "/%C3%A4%20b?x=%2B#part")
"""Ends of a URL: what is percent-encoded, long or in upper case stays as it was sent."""

ANYTHING = (
    "007",
    "true",
    "",
    'note: \u00e4 e\u0301 \u4efb "quoted" & <kept> +%20',
    " ends ",
    "x" * _LONG_TEXT,
    "two\nlines",
)
"""Values of a field that may hold anything."""


@dataclass(frozen=True, slots=True)
class Variation:
    """A task that is requested in another way: its kind, fields that are set, and fields that are left out."""

    text: str
    kind: TaskKind
    more: Mapping[str, Any]
    left_out: tuple[str, ...] = ()


Write = Callable[[Any], bytes]


def write_forms(contract: Contract) -> list[Write]:
    """Other ways to write a body that mean the same: order, spaces, escapes; prefixes and the place of an attribute."""
    codec = codec_of(contract, "request")
    if codec.texts:
        return [lambda body: codec.write(_reversed(body) if codec.name == "form" else body)]
    if codec.name != "json":
        ways: list[dict[str, Any]] = [{"prefix": "m"}, {"reverse": True}, {"on_body": False, "prefix": "cn0"}]
        return [_written(codec, way) for way in ways]
    return [
        lambda body: json.dumps(body, indent=2, ensure_ascii=True).encode("ascii"),
        lambda body: json.dumps(_reversed(body), separators=(" , ", " : "), ensure_ascii=True).encode("ascii"),
    ]


def _written(codec: Codec, way: dict[str, Any]) -> Write:
    return lambda body: codec.write(body, **way)


def _reversed(value: Any) -> Any:
    return {name: _reversed(value[name]) for name in reversed(value)} if isinstance(value, dict) else value


def task_variations(contract: Contract) -> list[Variation]:
    """All tasks that a client may request besides the samples of the contract, one change in each."""
    operation = contract.operation(Role.CREATE)
    check = _check_of(contract, operation)
    place = _place_of(operation.request, "$task")
    if check is None or place is None:
        return []
    codec = codec_of(contract, "request")
    properties = _properties(contract.schemas.get(operation.request_schema or ""), place)
    found: list[Variation] = []
    varied: set[str] = set()
    for kind in contract.kinds.values():
        sample = compile_template(kind.sample)({"number": 1, "unique": "0-1"})
        if not isinstance(sample, dict):
            continue
        words = {"task": sample, "credential": contract.credential.sample or "key"}

        def passes(task: Mapping[str, Any], words: Mapping[str, Any] = words) -> bool:
            body = compile_template(operation.request)({**words, "task": task})
            return check.passes(body, codec.write(body))

        names = [*sample, *(name for name in properties if name not in varied)]
        varied.update(properties)
        for name in dict.fromkeys(names):
            known = properties.get(name, {})
            for value in _values(sample.get(name), known, names_in_template(kind.sample.get(name))):
                if passes({**sample, name: value}):
                    found.append(Variation(f"{name} = {_shown(value)}", kind, {name: value}))
            if name in sample and (properties or codec.name != "json") and (known or codec.name != "json"):
                if passes({key: value for key, value in sample.items() if key != name}):
                    found.append(Variation(f"no {name}", kind, {}, (name,)))
    return found


def request_options(contract: Contract) -> list[dict[str, Any]]:
    """The optional fields of a creation beside its task, each with a value that the schema of the request states."""
    operation = contract.operation(Role.CREATE)
    place = _place_of(operation.request, "$task")
    if _check_of(contract, operation) is None or not place or not isinstance(operation.request, dict):
        return []
    fields = _properties(contract.schemas.get(operation.request_schema or ""), ()).items()
    return [
        {name: value}
        for name, known in fields
        if name not in operation.request and isinstance(known, Mapping)
        for value in (*known.get("examples", ()), *known.get("enum", ()))
    ]


def whole_task(contract: Contract, variations: Sequence[Variation], kind: TaskKind) -> dict[str, Any]:
    """A task of a kind with every documented parameter away from its default, as far as they go together."""
    operation = contract.operation(Role.CREATE)
    check, codec = _check_of(contract, operation), codec_of(contract, "request")
    task = compile_template(kind.sample)({"number": 1, "unique": "0-1"})
    chosen: dict[str, Any] = {}
    for variation in reversed(variations):  # the last values of a parameter are the more unusual ones
        more = {name: value for name, value in variation.more.items() if name not in {*task, *chosen}}
        if check is None or not more or any(value in (None, "", False) for value in more.values()):
            continue
        words = {"task": {**task, **chosen, **more}, "credential": contract.credential.sample or "key"}
        body = compile_template(operation.request)(words)
        if check.passes(body, codec.write(body)):
            chosen |= more
    return chosen


def poll_variations(contract: Contract, operation: Operation) -> list[Callable[[Any], Any]]:
    """What may be changed in the body of a request about a task: optional fields left out, switches turned."""
    check = _check_of(contract, operation)
    if check is None or operation.request is None:
        return []
    codec = codec_of(contract, "request")
    body = compile_template(operation.request)(
        {"task_id": contract.task_id["unknown"][0], "credential": contract.credential.sample}
    )
    changes: list[Callable[[Any], Any]] = []
    optional = []
    for pointer, value in _leaves(body, ""):
        if names_in_template(_at(operation.request, pointer)):
            continue
        if check.passes(without(body, pointer), codec.write(without(body, pointer))):
            optional.append(pointer)
            changes.append(lambda body, pointer=pointer: without(body, pointer))  # type: ignore[misc]
        if isinstance(value, bool):
            changes.append(lambda body, pointer=pointer, value=value: with_value(body, pointer, not value))  # type: ignore[misc]

    def leave_all_out(body: Any) -> Any:
        for pointer in optional:
            body = without(body, pointer)
        return body

    return [*changes, leave_all_out] if len(optional) > 1 else changes


def _check_of(contract: Contract, operation: Operation) -> Check | None:
    return None if operation.request_schema is None else checks_of(contract.schemas).get(operation.request_schema)


def _place_of(template: Any, word: str) -> tuple[str, ...] | None:
    """The steps to a word of a template, None where it has none."""
    if template == word:
        return ()
    for name, value in template.items() if isinstance(template, dict) else ():
        rest = _place_of(value, word)
        if rest is not None:
            return (name, *rest)
    return None


def _properties(schema: Any, place: tuple[str, ...]) -> Mapping[str, Any]:
    """The declared properties of the object at a place of a JSON Schema; none of another schema."""
    for name in place:
        schema = schema.get("properties", {}).get(name, {}) if isinstance(schema, Mapping) else {}
    return schema.get("properties", {}) if isinstance(schema, Mapping) else {}


def _values(sample: Any, schema: Mapping[str, Any], words: set[str]) -> Iterator[Any]:
    """Values of a parameter other than that of the sample."""
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    seen = [sample]
    for value in _candidates(sample, schema, kinds, words):
        if not any(value == other and type(value) is type(other) for other in seen):
            seen.append(value)
            yield value


def _candidates(sample: Any, schema: Mapping[str, Any], kinds: tuple[str, ...], words: set[str]) -> Iterator[Any]:
    yield from schema.get("examples", ())
    yield from schema.get("enum", ())
    if isinstance(sample, bool) or "boolean" in kinds:
        yield from (True, False)
    elif isinstance(sample, int) and not isinstance(sample, bool):
        yield sample + 1
    elif isinstance(sample, str) and sample.startswith(("http://", "https://")):
        yield from (sample + path for path in PATHS)
    elif isinstance(sample, str) and " " in sample and words:
        yield from TEXTS  # a sentence of its own: free text
    if "null" in kinds and sample is not None:
        yield None
    if schema.get("x-anything"):
        yield from ANYTHING


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    else:
        yield pointer, value


def _at(template: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        template = template[step.replace("~1", "/").replace("~0", "~")]
    return template


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."
