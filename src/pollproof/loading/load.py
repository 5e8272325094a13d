"""Contract files to contracts: parsed once, at the edge. What is wrong is said in one sentence (`ContractError`)."""

from __future__ import annotations

import json
import os.path
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pollproof.bundled import bundled, folder
from pollproof.clauses import KINDS
from pollproof.clauses.kinds import ParameterError, bind, parameter_names
from pollproof.contract.conditions import COMPARISONS, Condition
from pollproof.contract.model import (
    PROBES,
    Answer,
    Break,
    Citation,
    Clause,
    Contract,
    Credential,
    DocumentationError,
    Effect,
    ErrorCode,
    Level,
    Limits,
    Observation,
    Operation,
    Passage,
    Phase,
    Probe,
    Refusals,
    Role,
    Source,
    Status,
    Subject,
    TaskKind,
    UnrelatedEndpoint,
    Unspecified,
    Variant,
)
from pollproof.contract.places import Place, PlaceError, parse_place
from pollproof.loading.errors import ContractError, fault, nearest, schema_fault
from pollproof.loading.grammar import MARKS, contract_schema
from pollproof.trace.codecs import rules_of
from pollproof.trace.shapes import Shape

MAXIMUM_FILE = 4 * 1024 * 1024
"""Bytes of a contract or schema file; anything larger is no contract."""

MAXIMUM_NAME = 80
"""Characters of a name that is no provider's which a message shows."""

_CITATION = re.compile(r"^(?P<key>\w+)(?::(?P<lines>\d+(?:-\d+)?))?(?:,\s*(?P<place>.+))?$")

Path_ = Sequence[str | int]


def load_contract(name: str | Path) -> Contract:
    """The contract of a bundled provider (by name) or of a file (by path); raises `ContractError`.

    Schemas are looked for in a folder `schemas` beside the file or above it, then among the bundled ones.
    """
    text = str(name)
    if text in bundled():
        return _load_bundled(folder("contracts") / f"{text}.toml")
    path = Path(text)
    if path.suffix == ".toml" or os.path.exists(text):  # Path.exists raises for a name too long
        return _load_file(path)
    hint = nearest(text, bundled())
    shown = text if len(text) <= MAXIMUM_NAME else text[:MAXIMUM_NAME] + "..."
    raise ContractError(
        f"'{shown}' is no provider; expected one of {', '.join(bundled())} or the path of a .toml file{hint}"
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAXIMUM_FILE:
            raise ContractError(f"{path}: the file is larger than {MAXIMUM_FILE} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ContractError(f"{path}: is not UTF-8 (byte {error.start})") from None
    except ValueError as error:  # a name with a null character in it
        raise ContractError(f"{str(path)!r}: cannot be read ({error})") from None


@cache
def _load_bundled(path: Path) -> Contract:
    """A bundled contract, loaded once in a process: what is installed does not change under it."""
    return _load_file(path)


def _load_file(path: Path) -> Contract:
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{path}: is no TOML: {error}") from None
    except RecursionError:
        raise ContractError(f"{path}: is nested too deeply") from None
    grammar = _grammar()
    if not grammar.is_valid(data):
        from jsonschema import Draft202012Validator  # takes long to import, and most contracts are right

        errors = list(Draft202012Validator(grammar.schema).iter_errors(data))
        if errors:
            raise schema_fault(str(path), text, errors, data, grammar.schema)
    return _Builder(path, text, data).build()


@cache
def _grammar() -> Shape:
    return Shape(contract_schema())


def _null(value: Any) -> Any:
    """TOML has no null: the word $null stands for it."""
    if value == "$null":
        return None
    if isinstance(value, dict):
        return {key: _null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_null(item) for item in value]
    return value


class _Builder:
    """One contract file on its way to a `Contract`; every error knows the path of keys that it is about."""

    def __init__(self, path: Path, text: str, data: dict[str, Any]) -> None:
        self.path, self.text, self.data = path, text, data
        self.schemas: dict[str, Any] = {}
        self.rules: dict[str, frozenset[str]] = {}
        self.sources: dict[str, Source] = {
            key: Source(
                key,
                entry["title"],
                entry["document"],
                entry["basis"],
                entry.get("address", ""),
                entry.get("lines"),
                entry.get("digest", ""),
            )
            for key, entry in data["sources"].items()
        }

        self.probe_names = [*PROBES, *(entry["name"] for entry in data.get("probes", ()))]

    def fault(self, path: Path_, problem: str) -> ContractError:
        return fault(str(self.path), self.text, path, problem)

    def place(self, text: str, path: Path_) -> Place:
        try:
            return parse_place(text)
        except PlaceError as error:
            raise self.fault(path, str(error)) from None

    def optional_place(self, table: dict[str, Any], key: str, path: Path_) -> Place | None:
        return self.place(table[key], [*path, key]) if key in table else None

    def condition(self, table: dict[str, Any], path: Path_) -> Condition:
        comparison = next(word for word in table if word in COMPARISONS)
        operand = table[comparison]
        if comparison in ("above", "below") and (isinstance(operand, bool) or not isinstance(operand, (int, float))):
            raise self.fault([*path, comparison], f"{operand!r} is given; expected a number")
        if comparison == "in" and not isinstance(operand, list):
            raise self.fault([*path, comparison], f"{operand!r} is given; expected an array")
        return Condition(self.place(table["at"], [*path, "at"]), comparison, _null(operand))

    def conditions(self, tables: list[dict[str, Any]], path: Path_) -> tuple[Condition, ...]:
        return tuple(self.condition(table, [*path, index]) for index, table in enumerate(tables))

    def citations(self, texts: list[str], path: Path_) -> tuple[Citation, ...]:
        found: list[Citation] = []
        for index, text in enumerate(texts):
            match = _CITATION.match(text)
            if match is None:
                raise self.fault([*path, index], f"{text!r} is no citation; expected 'SOURCE:LINES, PLACE'")
            key = match["key"]
            if key not in self.sources:
                hint = nearest(key, self.sources)
                raise self.fault(
                    [*path, index], f"'{key}' is no source; expected one of {', '.join(self.sources)}{hint}"
                )
            found.append(Citation(self.sources[key], match["lines"] or "", match["place"] or ""))
        return tuple(found)

    def optional_schema(self, table: dict[str, Any], key: str, path: Path_) -> str | None:
        return self.schema(table[key], [*path, key]) if key in table else None

    def schema(self, name: str, path: Path_) -> str:
        """Read and compile the schema of that name; the name again."""
        if name in self.schemas:
            return name
        folders = [parent / "schemas" for parent in self.path.resolve().parents[:2]] + [folder("schemas")]
        for place in folders:
            candidate = (place / name).resolve()
            if candidate.is_relative_to(place.resolve()) and candidate.is_file():
                break
        else:
            raise self.fault(path, f"there is no schema '{name}' in {' or '.join(str(place) for place in folders)}")
        if candidate.suffix == ".xsd":
            try:
                self.rules[name] = rules_of(str(candidate)) - {""}
            except ValueError as error:
                raise self.fault(path, f"{candidate}: {' '.join(str(error).split())}") from None
            self.schemas[name] = str(candidate)
            return name
        try:
            schema = json.loads(_read(candidate))
        except ValueError as error:
            if isinstance(error, ContractError):
                raise
            raise self.fault(path, f"the schema {candidate} is no JSON ({error})") from None
        except RecursionError:
            raise self.fault(path, f"the schema {candidate} is nested too deeply") from None
        if not isinstance(schema, dict):
            raise self.fault(path, f"the schema {candidate} is no JSON object")
        try:
            references = _references(schema)
        except RecursionError:
            raise self.fault(path, f"the schema {candidate} is nested too deeply") from None
        for reference in references:
            if not reference.startswith("#"):
                raise self.fault(
                    path, f"the schema {candidate} refers to '{reference}'; nothing is fetched, expected '#/...'"
                )
        try:
            self.rules[name] = rules_of(schema) - {""}
        except ValueError as error:
            raise self.fault(path, f"{candidate}: {' '.join(str(error).split())}") from None
        self.schemas[name] = schema
        return name

    def operation(self, name: str, table: dict[str, Any]) -> Operation:
        path: list[str | int] = ["operations", name]
        return Operation(
            name=name,
            role=Role(table["role"]),
            method=table["method"],
            path=table["path"],
            request=_null(table.get("request")),
            request_schema=self.optional_schema(table, "request_schema", path),
            response_schema=self.optional_schema(table, "response_schema", path),
            task_id=self.place(table["task_id"], [*path, "task_id"]),
            echo=self.optional_place(table, "echo", path),
            status=self.optional_place(table, "status", path),
            result=self.optional_place(table, "result", path),
            error_code=self.optional_place(table, "error_code", path),
            phases=tuple(
                (self.condition(entry["when"], [*path, "phases", index, "when"]), Phase(entry["phase"]))
                for index, entry in enumerate(table.get("phases", ()))
            ),
            refused=self.conditions(table.get("refused", []), [*path, "refused"]),
            effects=tuple(
                (self.condition(entry["when"], [*path, "effects", index, "when"]), Effect(entry["effect"]))
                for index, entry in enumerate(table.get("effects", ()))
            ),
            marks={name: self.place(table[name], [*path, name]) for name in MARKS if name in table},
            element=table.get("element", ""),
            action=table.get("action", ""),
            alternatives=tuple(_null(entry) for entry in table.get("alternatives", ())),
            required=tuple(
                self.place(text, [*path, "required", index]) for index, text in enumerate(table.get("required", ()))
            ),
            answers={
                key: Answer(
                    entry.get("http", 200), _null(entry.get("body")), tuple(sorted(entry.get("headers", {}).items()))
                )
                for key, entry in table["answers"].items()
            },
        )

    def break_(self, table: dict[str, Any], path: Path_) -> Break:
        if "operation" in table:
            self.operation_name(table["operation"], path)
        return Break(
            name=table.get("name", ""),
            operation=table.get("operation", ""),
            answer=table.get("answer", ""),
            remove=tuple(table.get("remove", ())),
            set=tuple((pointer, _null(value)) for pointer, value in table.get("set", {}).items()),
            http=table.get("http"),
        )

    def operation_name(self, name: str, path: Path_) -> str:
        known = self.data["operations"]
        if name not in known:
            problem = f"'{name}' is no operation; expected one of {', '.join(known)}{nearest(name, known)}"
            raise self.fault([*path, "operation"], problem)
        return name

    def probe(self, index: int, table: dict[str, Any]) -> Probe:
        code = table.get("code", self.data.get("refusals", {}).get("invalid_request", ""))
        errors = self.data.get("errors", {})
        if errors and code and code not in errors:
            raise self.fault(["probes", index, "code"], f"'{code}' is not in [errors]{nearest(code, errors)}")
        return Probe(
            table["name"],
            self.operation_name(table["operation"], ["probes", index]),
            tuple(table.get("remove", ())),
            tuple((pointer, _null(value)) for pointer, value in table.get("set", {}).items()),
            (table["repeat"]["at"], table["repeat"]["times"]) if "repeat" in table else None,
            code,
            table["text"],
        )

    def clause(self, index: int, table: dict[str, Any], limits: Limits) -> Clause:
        path: list[str | int] = ["clauses", index]
        kind = KINDS[table["kind"]]
        values = {name: table[name] for name in parameter_names(kind) if name in table}
        operation = values.get("operation")
        if operation is not None:
            self.operation_name(operation, path)
        subject = Subject(table["subject"])
        if subject not in kind.subjects:
            raise self.fault([*path, "subject"], f"kind '{kind.name}' is about the {kind.subjects[0].value}")
        try:
            parameters = bind(kind, values, limits)
        except ParameterError as error:
            raise self.fault(path, str(error)) from None
        if "probe" in values and values["probe"] not in self.probe_names:
            words = ", ".join(self.probe_names)
            hint = nearest(values["probe"], self.probe_names)
            raise self.fault([*path, "probe"], f"'{values['probe']}' is no probe; expected one of {words}{hint}")
        if values.get("rule") and operation is not None:
            part = self.data["operations"][operation].get(f"{values['part']}_schema", "")
            known_rules = self.rules[part] if part else frozenset[str]()
            if values["rule"] not in known_rules:
                hint = nearest(values["rule"], known_rules)
                problem = f"{part} has no x-rule '{values['rule']}'; it has {', '.join(sorted(known_rules)) or 'none'}"
                raise self.fault([*path, "rule"], problem + hint)
        return Clause(
            id=table["id"],
            kind=kind.name,
            subject=subject,
            level=Level(table["level"]),
            citations=self.citations(table["source"], [*path, "source"]),
            text=table["text"],
            parameters=parameters,
            breaks=tuple(
                self.break_({"operation": operation, **entry} if operation else entry, [*path, "breaks", number])
                for number, entry in enumerate(table.get("breaks", ()))
            ),
        )

    def codes(self, errors: dict[str, ErrorCode]) -> Refusals:
        table = self.data.get("refusals", {})
        for key, code in table.items():
            if errors and code not in errors:
                hint = nearest(code, errors)
                raise self.fault(["refusals", key], f"'{code}' is not in [errors]{hint}")
        return Refusals(**table)

    def passage(self, index: int, table: dict[str, Any], clauses: set[str]) -> Passage:
        path: list[str | int] = ["passages", index]
        [citation] = self.citations([table["source"]], path)
        if not citation.span or citation.span[-1] > (citation.source.lines or 0):
            lines = citation.source.lines
            problem = f"'{table['source']}' is no passage; expected 'SOURCE:LINES', the lines within the {lines} of it"
            if lines is None:
                problem = f"the source '{citation.source.key}' has no `lines`, which count those of the document"
            raise self.fault([*path, "source"], problem)
        known = {
            "clauses": clauses,
            "unspecified": {entry.get("name", "") for entry in self.data.get("unspecified", ())} - {""},
            "observations": {entry["id"] for entry in self.data.get("observations", ())},
        }
        for key, names in known.items():
            for number, name in enumerate(table.get(key, ())):
                if name not in names:
                    raise self.fault([*path, key, number], f"'{name}' is not in [[{key}]]{nearest(name, names)}")
        if ("aside" in table) == any(table.get(key) for key in known):
            raise self.fault(path, f"expected either `aside` or at least one of {', '.join(known)}")
        return Passage(
            citation,
            table["gist"] if "gist" in table else table["aside"],
            tuple(table.get("clauses", ())),
            tuple(table.get("unspecified", ())),
            tuple(table.get("observations", ())),
            table.get("aside", ""),
        )

    def build(self) -> Contract:
        data = self.data
        provider = data["provider"]
        credential = provider.get("credential")
        limits = Limits(**data.get("limits", {}))
        statuses = {
            value: Status(value, Phase(entry))
            if isinstance(entry, str)
            else Status(value, Phase(entry["phase"]), entry.get("documented", True))
            for value, entry in data["statuses"].items()
        }
        for index, value in enumerate(data["lifecycle"]["path"]):
            if value not in statuses:
                problem = f"'{value}' is not under [statuses]{nearest(value, statuses)}"
                raise self.fault(["lifecycle", "path", index], problem)
        errors = {
            code: ErrorCode(
                code, Effect(entry["effect"]), entry["text"], tuple(entry.get("operations", ())), entry.get("seconds")
            )
            for code, entry in data.get("errors", {}).items()
        }
        operations = {name: self.operation(name, table) for name, table in data["operations"].items()}
        roles = [operation.role for operation in operations.values()]
        for role in Role:
            if role not in roles and role in (Role.CREATE, Role.POLL):
                raise self.fault(["operations"], f"expected an operation of role '{role.value}'")
            if roles.count(role) > 1 and role is not Role.CREATE:
                problem = f"expected one operation of role '{role.value}', found {roles.count(role)}"
                raise self.fault(["operations"], problem)
        clauses = tuple(self.clause(index, table, limits) for index, table in enumerate(data["clauses"]))
        self.unique("clauses", "id", [clause.id for clause in clauses])
        identifiers = {clause.id for clause in clauses}
        variants = tuple(
            Variant(
                entry["name"],
                entry["text"],
                tuple(entry["clauses"]),
                tuple(
                    self.break_(change, ["variants", index, "changes", number])
                    for number, change in enumerate(entry.get("changes", ()))
                ),
                MappingProxyType(entry.get("settings", {})),
                entry.get("sample", False),
            )
            for index, entry in enumerate(data.get("variants", ()))
        )
        self.unique("variants", "name", [variant.name for variant in variants])
        for index, variant in enumerate(variants):
            for number, identifier in enumerate(variant.clauses):
                if identifier not in identifiers:
                    problem = f"'{identifier}' is no clause{nearest(identifier, identifiers)}"
                    raise self.fault(["variants", index, "clauses", number], problem)
        self.unique("unspecified", "name", [entry["name"] for entry in data.get("unspecified", ()) if "name" in entry])
        return Contract(
            name=provider["name"],
            title=provider["title"],
            base_url=provider["base_url"],
            body=provider["body"],
            namespace=provider.get("namespace", ""),
            credential=Credential()
            if credential is None
            else Credential(
                self.place(credential["at"], ["provider", "credential", "at"]),
                credential.get("template", "{credential}"),
                credential["sample"],
                credential["wrong"],
            ),
            sources=self.sources,
            statuses=statuses,
            path=tuple(data["lifecycle"]["path"]),
            errors=errors,
            refusals=self.codes(errors),
            operations=operations,
            kinds={
                name: TaskKind(
                    name,
                    _null(entry["sample"]),
                    _null(entry["result"]),
                    entry.get("inline", False),
                    self.conditions(entry.get("when", []), ["tasks", name, "when"]),
                )
                for name, entry in data["tasks"].items()
            },
            task_id=data["task_id"],
            probes=tuple(self.probe(index, entry) for index, entry in enumerate(data.get("probes", ()))),
            asides=tuple(
                UnrelatedEndpoint(entry.get("method", "POST"), entry["path"], _null(entry["answer"]), entry["text"])
                for entry in data.get("asides", ())
            ),
            limits=limits,
            clauses=clauses,
            variants=variants,
            observations=tuple(
                Observation(
                    entry["id"],
                    entry["kind"],
                    entry["text"],
                    self.citations(entry["source"], ["observations", index, "source"]),
                    entry["at_least"],
                    entry["at_most"],
                )
                for index, entry in enumerate(data.get("observations", ()))
            ),
            unspecified=tuple(
                Unspecified(entry["about"], entry["reason"], entry.get("name", ""))
                for entry in data.get("unspecified", ())
            ),
            slips=tuple(
                DocumentationError(
                    entry["what"], entry["treatment"], self.citations(entry["source"], ["slips", index, "source"])
                )
                for index, entry in enumerate(data.get("slips", ()))
            ),
            passages=tuple(
                self.passage(index, entry, identifiers) for index, entry in enumerate(data.get("passages", ()))
            ),
            origin=str(self.path),
            schemas=MappingProxyType(self.schemas),
        )

    def unique(self, table: str, key: str, names: list[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                raise self.fault([table, index, key], f"'{name}' is used twice")


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node[key] for key in ("$ref", "$dynamicRef") if isinstance(node.get(key), str)]
        return own + [reference for child in node.values() for reference in _references(child)]
    if isinstance(node, list):
        return [reference for child in node for reference in _references(child)]
    return []
