"""The vocabulary of a contract: the values and names that may stay in a recording, and what schemas look at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from pollproof.bundled import folder
from pollproof.contract.conditions import Condition
from pollproof.contract.model import Break, Contract
from pollproof.secrets.anonymize.names import is_ordinary, split_name
from pollproof.trace.client_outcome import ClientOutcome

_WORDS = """
    null none nil undefined nan true false yes no on off n/a unknown
    accepted aborted active canceled cancelled complete completed created deleted done error errored expired fail failed
    failure faulted finished idle in_progress inprogress ok pending processing queued ready rejected running started
    starting success successful succeeded timeout waiting working
    """

_KEPT_WORDS = frozenset(_WORDS.split())
"""Words for nothing, for yes and no, and for how a task stands, whatever an API calls it; in any case of letters."""

NAMESPACES = frozenset(
    {
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://schemas.xmlsoap.org/soap/encoding/",
        "http://www.w3.org/2003/05/soap-envelope",
        "http://www.w3.org/2003/05/soap-encoding",
        "http://www.w3.org/2001/XMLSchema",
        "http://www.w3.org/2001/XMLSchema-instance",
        "http://www.w3.org/XML/1998/namespace",
    }
)
"""Namespaces of XML that are standards, and nobody's own."""

XML_NAMES = frozenset(
    {
        "Envelope", "Header", "Body", "Fault", "faultcode", "faultstring", "faultactor", "detail", "Code", "Reason",
        "Detail", "encodingStyle", "mustUnderstand", "actor", "role", "relay", "type", "nil", "schemaLocation",
        "noNamespaceSchemaLocation", "lang", "space", "id", "string", "int", "integer", "long", "short", "decimal",
        "float", "double", "boolean", "date", "dateTime", "time", "anyType", "anyURI", "base64Binary", "unsignedInt",
    }
)  # fmt: skip
"""Names of elements, attributes and types in these namespaces."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MARKED = re.compile(r">([^<>]+)<")
_TAG = re.compile(r"[\s<:/]([A-Za-z][\w-]*)")
_WORD_OF = re.compile(r"\{([\w-]+)\}")
_BEGINNING = re.compile(r"\A\^([A-Za-z]{2,})(?![?*+{|A-Za-z])")
"""The word with which a pattern begins."""
_BEGINNING_OF_ID = re.compile(r"\A\^([A-Za-z]+(?:[_-][A-Za-z]+)*[_-])(?![?*+{])")
"""The words, each with its underscore or hyphen, with which a pattern begins."""
_ADDRESS = re.compile(r"https?://[^/]+(?=/)")
"""The host of a URL that has a path."""
_XSD = "{http://www.w3.org/2001/XMLSchema}"


@dataclass(slots=True)
class Vocabulary:
    """What a contract knows. `values` and `names` stay as they are, `prefixes` begin values whose rest is replaced.

    `beginnings` are those of ids by a schema. `templates` are samples with a number in them; `patterns` and `lengths`
    are what schemas ask of strings, so a pseudonym must answer them as the original does. `headers` are those that the
    contract mentions.
    """

    values: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    words: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    templates: tuple[re.Pattern[str], ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    lengths: tuple[int, ...] = ()
    headers: frozenset[str] = frozenset()

    def knows(self, text: str) -> bool:
        """Whether a string may stay as it is."""
        if text in self.values or text.lower() in _KEPT_WORDS:
            return True
        return len(text) < 200 and any(template.fullmatch(text) for template in self.templates)

    def knows_name(self, name: str) -> bool:
        """Whether the name of a field may stay as it is."""
        return name in self.names or is_ordinary(name, self.words)


def vocabulary_of(contract: Contract) -> Vocabulary:
    """The vocabulary of a contract: of its own data, its schemas and the documented samples beside them."""
    gathering = _Gathering()
    gathering.contract(contract)
    for name, schema in contract.schemas.items():
        if isinstance(schema, Mapping):
            gathering.json_schema(schema)
        else:
            for path in sorted(Path(schema).parent.glob("*.xsd")):
                gathering.xsd(path)
        for path in _samples(contract, name):
            with suppress(OSError, ValueError):
                gathering.samples(json.loads(path.read_text(encoding="utf-8")))
    return gathering.vocabulary()


def _samples(contract: Contract, schema: str) -> Iterable[Path]:
    """Where the documented samples of a contract may stand: beside its schemas."""
    parents = [parent / "schemas" for parent in Path(contract.origin).resolve().parents[:2]]
    for place in dict.fromkeys([*parents, folder("schemas")]):
        yield (place / schema).parent / "samples.json"


class _Gathering:
    """Collects the vocabulary, piece by piece."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._names: set[str] = set()
        self._prefixes: set[str] = set()
        self._beginnings: set[str] = set()
        self._templates: set[str] = set()
        self._patterns: set[str] = set()
        self._lengths: set[int] = set()
        self._headers: set[str] = set()

    def vocabulary(self) -> Vocabulary:
        self._values |= self._prefixes
        words = frozenset(part for name in self._names for part in split_name(name))
        return Vocabulary(
            self._values | NAMESPACES,
            self._names | XML_NAMES,
            words,
            tuple(sorted(self._prefixes, key=len, reverse=True)),
            tuple(sorted(self._beginnings, key=len, reverse=True)),
            tuple(re.compile(text) for text in sorted(self._templates)),
            tuple(_compiled(self._patterns)),
            tuple(sorted(self._lengths)),
            frozenset(self._headers),
        )

    # ------------------------------------------------------------------------------ the contract

    def contract(self, contract: Contract) -> None:
        for value in contract.statuses:
            if value.endswith("*"):
                self._prefixes.add(value[:-1])
            else:
                self._values.add(value)
        for code, error in contract.errors.items():
            self._values |= {code, error.text}
        self._names |= set(ClientOutcome._fields)
        credential = contract.credential
        for key in (credential.sample, credential.wrong):
            self._values |= {key, credential.template.replace("{credential}", key)}
        self.data(asdict(contract.refusals))
        self.data(contract.task_id)
        self.data([contract.namespace, contract.base_url])
        self.place(credential.at)
        for operation in contract.operations.values():
            self._names |= {operation.name, operation.element, operation.name + "Response"}
            self.data([operation.request, list(operation.alternatives), operation.action, f'"{operation.action}"'])
            self.path(operation.path)
            self._headers |= {name.lower() for name in operation.headers}
            self.data(list(operation.headers.values()))
            if operation.signature is not None:
                self._headers |= {name.lower() for name in _WORD_OF.findall(operation.signature.over)} - {"body"}
            for answer in operation.answers.values():
                self.data([answer.body, dict(answer.headers)])
                self._headers |= {name.lower() for name, _ in answer.headers}
            for place in (operation.task_id, operation.echo, operation.status, operation.result, operation.error_code):
                self.place(place)
            for place in (*operation.required, *operation.marks.values()):
                self.place(place)
            for condition in (
                *operation.refused,
                *(c for c, _ in operation.phases),
                *(c for c, _ in operation.effects),
            ):
                self.condition(condition)
        for kind in contract.kinds.values():
            self.data([kind.sample, kind.result])
            for condition in kind.when:
                self.condition(condition)
        for probe in contract.probes:
            self.data(dict(probe.set))
        for clause in contract.clauses:
            self.changes(clause.breaks)
            if is_dataclass(clause.parameters) and not isinstance(clause.parameters, type):
                self.parameters(
                    {each.name: getattr(clause.parameters, each.name) for each in fields(clause.parameters)}
                )
        for variant in contract.variants:
            self.changes(variant.changes)

    def path(self, path: str) -> None:
        """Take in the words of an operation's path and of its fixed query."""
        below, _, query = path.partition("?")
        self._names |= {part for part in below.split("/") if part and "{" not in part}
        for name, value in parse_qsl(query, keep_blank_values=True):
            self._names.add(name)
            self.data(value)

    def condition(self, condition: Condition) -> None:
        self.place(condition.at)
        if condition.comparison == "prefix":
            self._prefixes.add(condition.operand)
        else:
            self.data(condition.operand)

    def place(self, place: Any) -> None:
        if place is not None:
            self._names |= set(place.steps)
            if place.area == "header":
                self._headers |= set(place.steps)
            self.place(place.otherwise)

    def changes(self, changes: Iterable[Break]) -> None:
        for change in changes:
            for pointer, value in change.set:
                self._names |= set(pointer.split("/"))
                self.data(value)

    def parameters(self, parameters: Mapping[str, Any]) -> None:
        for name, value in parameters.items():
            if name == "headers":
                for header, pattern in dict(value).items():
                    self._headers.add(header.lower())
                    self._patterns.add(pattern)
                    self._prefixes |= set(_BEGINNING.findall(pattern))
                continue
            for one in value if isinstance(value, list | tuple) else [value]:
                if isinstance(one, str):  # names of fields as often as values
                    self._names.add(one)
                    self._values.add(one)

    def data(self, value: Any) -> None:
        """Take in a template or a sample: keys are names, strings without placeholders are values."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                self._names.add(key)
                self.data(item)
        elif isinstance(value, list | tuple):
            for item in value:
                self.data(item)
        elif isinstance(value, str) and not value.startswith("$"):
            placeholders = set(_PLACEHOLDER.findall(value))
            if placeholders and _ADDRESS.match(value):
                self.path(_ADDRESS.sub("", value))
            if not placeholders:
                self._values.add(value)
            elif placeholders == {"number"}:
                self._templates.add(re.escape(value).replace(r"\{number\}", r"\d{1,6}"))
        elif isinstance(value, int) and not isinstance(value, bool):
            self._values.add(str(value))

    # ------------------------------------------------------------------------ schemas and samples

    def json_schema(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self.json_schema(item)
        if not isinstance(node, Mapping):
            return
        for key in ("const", "enum", "default", "examples"):
            self.data(node.get(key))
        if isinstance(node.get("pattern"), str):
            self._patterns.add(node["pattern"])
            self._beginnings |= set(_BEGINNING_OF_ID.findall(node["pattern"]))
        for key, more in (("minLength", 0), ("maxLength", 1)):
            if isinstance(node.get(key), int):
                self._lengths.add(node[key] + more)
        if isinstance(node.get("properties"), Mapping):
            self._names |= set(node["properties"])
        for key, value in node.items():
            if key not in ("const", "enum", "default", "examples"):
                self.json_schema(value)

    def xsd(self, path: Path) -> None:
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
        with suppress(OSError, etree.XMLSyntaxError):
            for element in etree.parse(str(path), parser).getroot().iter():
                if not isinstance(element.tag, str):
                    continue
                name, value = element.get("name", ""), element.get("value", "")
                match element.tag.removeprefix(_XSD):
                    case "element" | "attribute" | "complexType" | "simpleType":
                        self._names.add(name)
                        self._values |= {element.get("fixed", ""), element.get("default", "")}
                    case "enumeration":
                        self._values.add(value)
                    case "pattern":
                        self._patterns.add(f"^(?:{value})$")
                    case "length" | "minLength" | "maxLength" if value.isdigit():
                        self._lengths |= {int(value), int(value) + 1}

    def samples(self, collection: Any) -> None:
        """Take in a file of documented samples: texts of JSON or XML, some with what keeps them from being either."""
        if not isinstance(collection, Mapping):
            return
        for sample in collection.get("samples", ()):
            text = str(sample.get("original", ""))
            if text.lstrip().startswith("<"):
                self._values |= {" ".join(found.split()) for found in _MARKED.findall(text)}
                self._names |= set(_TAG.findall(text))
                self._values |= {found for found in _QUOTED.findall(text) if "{" not in found}
            else:
                found = {_unescaped(one) for one in _QUOTED.findall(text)}
                self._names |= {name for name in found if is_ordinary(name, frozenset()) or name.isidentifier()}
                self._values |= found
        for change in (*collection.get("corruptions", ()), *collection.get("accepted", ())):
            for pointer, value in dict(change.get("set", {})).items():
                self._names |= set(pointer.split("/"))
                self.data(value)


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _compiled(patterns: Iterable[str]) -> Iterable[re.Pattern[str]]:
    """The patterns that Python can read; JSON Schema's and XSD's are of kindred dialects."""
    for pattern in sorted(patterns):
        with suppress(re.error):
            yield re.compile(pattern)
