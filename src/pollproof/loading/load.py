"""Contract files to contracts: parsed once, at the edge. Any mistake is one sentence (`ContractError`)."""

from __future__ import annotations

import fnmatch
import os.path
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pollproof.bundled import bundled, folder
from pollproof.clauses import KINDS
from pollproof.clauses.answers import SITUATIONS
from pollproof.clauses.inputs import InputRule
from pollproof.clauses.kinds import ParameterError, bind, stated_limits
from pollproof.contract.file import ContractFile
from pollproof.contract.model import ANSWER_WORDS, PROBES, Break, Clause, Contract, Limits, Phase, Probe, Role, Variant
from pollproof.contract.requests import ambiguous
from pollproof.contract.sources import Passage, Source
from pollproof.contract.templates import names_in_template, with_value
from pollproof.loading.convert import Converter, KeyPath, parameters
from pollproof.loading.errors import ContractError, fault, schema_fault
from pollproof.loading.extend import NAMED_TABLES, extend, place_in_file, with_arrays
from pollproof.loading.files import read
from pollproof.loading.grammar import contract_schema, table_fields
from pollproof.loading.schemas import SchemaFolder
from pollproof.text import nearest, shorten
from pollproof.trace.bodies import read_real
from pollproof.trace.shapes import Shape

_MAXIMUM_NAME = 80
"""Characters of an unknown provider's name that a message shows."""


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
    shown = shorten(text, _MAXIMUM_NAME)
    expected = f"expected one of {', '.join(bundled())} or the path of a .toml file"
    raise ContractError(f"unknown provider '{shown}'; {expected}{hint}")


@cache
def _load_bundled(path: Path) -> Contract:
    """A bundled contract, loaded once in a process; it is checked as any other, as people change it in a checkout."""
    return _load_file(path)


def _load_file(path: Path) -> Contract:
    file = _tables(path)
    grammar = _grammar()
    if not grammar.is_valid(file.data):
        from jsonschema import Draft202012Validator  # takes long to import, and most contracts are right

        errors = list(Draft202012Validator(grammar.schema).iter_errors(file.data))
        if errors:
            raise schema_fault(file.fault, errors, file.data)
    return _Loader(file).build()


@dataclass(frozen=True, slots=True)
class _TomlFile:
    """A contract file: its text, its own tables, those together with the tables of what it extends, and those files."""

    path: Path
    text: str
    own: Mapping[str, Any]
    data: dict[str, Any]
    extended: Sequence[Path] = ()

    def fault(self, path: KeyPath, problem: str) -> ContractError:
        """The error for a problem at a path of keys, which may stand at another place in the file, or in none."""
        table = str(path[0]) if path else ""
        key = NAMED_TABLES.get(table) if len(path) > 1 and isinstance(path[1], int) else None
        if key is not None and (self.extended or isinstance(self.own.get(table), Mapping)):
            entry = self.data[table][path[1]]
            name = entry.get(key) if isinstance(entry, Mapping) else [*self.own.get(table, ()), ""][int(path[1])]
            path = place_in_file(self.own, path, name)
            problem = f"{key} '{name}': {problem}"
        return fault(str(self.path), self.text, path, problem)


def _tables(path: Path, seen: tuple[Path, ...] = ()) -> _TomlFile:
    """A contract file with what it extends."""
    text = read(path)
    try:
        own = tomllib.loads(text, parse_float=read_real)
    except ValueError as error:  # also whole numbers beyond the digits that Python reads
        both = text.find("\n[[clauses]]") >= 0 and re.search(r"^clauses\s*=", text, re.MULTILINE) is not None
        remedy = "; write all clauses in the array `clauses = [...]` or all as `[[clauses]]`" if both else ""
        raise ContractError(f"{path}: is not TOML: {error}{remedy}") from None
    except RecursionError:
        raise ContractError(f"{path}: is nested too deeply") from None
    data, name = with_arrays(own), own.get("extends")
    if not isinstance(name, str) or not name:
        return _TomlFile(path, text, own, data)
    base = folder("contracts") / f"{name}.toml" if name in bundled() else path.parent / name
    if base.suffix != ".toml":
        known = ", ".join(bundled())
        raise fault(str(path), text, ["extends"], f"unknown contract '{name}'; expected one of {known} or a .toml file")
    if base.resolve() in (path.resolve(), *seen):
        raise fault(str(path), text, ["extends"], f"'{name}' extends itself")
    other = _tables(base, (path.resolve(), *seen))
    with suppress(KeyError, TypeError, AttributeError):  # what is wrong with it is said by the grammar
        data = extend(other.data, data)
    return _TomlFile(path, text, own, data, [base, *other.extended])


@cache
def _grammar() -> Shape:
    return Shape(contract_schema())


NEEDED_ANSWERS: Mapping[Role, tuple[str, ...]] = {
    Role.CREATE: ("created",),
    Role.FETCH: ("succeeded", "nothing"),
    Role.CANCEL: ("cancelled",),
    Role.DELETE: ("deleted",),
    Role.BATCH: ("created", "entry"),
    Role.CALLBACK: ("callback",),
}
"""The responses that the reference provider needs of an operation, beside those of the phases of a task."""


class _Loader:
    """One contract file on its way to a `Contract`; every error knows the path of keys that it is about."""

    def __init__(self, file: _TomlFile) -> None:
        self.path, self.data, self.fault = file.path, file.data, file.fault
        self.schemas = SchemaFolder(file.path, self.fault, file.extended)
        self.converter = Converter(self.fault)

    def known(self, name: str, names: Iterable[str], path: KeyPath, problem: str) -> None:
        """Raise where a name is not among those that there are; `problem` has {name} and {names} in it."""
        names = list(names)
        if name not in names:
            text = problem.format(name=name, names=", ".join(names) or "none")
            raise self.fault(path, text + nearest(name, names))

    def unique(self, table: str, key: str, names: list[str]) -> None:
        for index, name in enumerate(names):
            if name and name in names[:index]:
                raise self.fault([table, index, key], f"'{name}' is used twice")

    def build(self) -> Contract:
        """The contract of the file."""
        converter, data = self.converter, self.data
        sources = {key: converter.table(Source, entry, ["sources", key], key) for key, entry in data["sources"].items()}
        converter.sources = sources
        for name, table in data["operations"].items():
            for key, answer in table["answers"].items():
                table["answers"][key] = self.answer_like(answer, ["operations", name, "answers", key], ())
        file = converter.table(ContractFile, data, [], sources=sources, clauses=())
        self.check_names(file)
        self.check_operations(file)
        clauses = tuple(self.clause(index, table, file) for index, table in enumerate(data["clauses"]))
        self.unique("clauses", "id", [clause.id for clause in clauses])
        identifiers = [clause.id for clause in clauses]
        for index, variant in enumerate(file.variants):
            self.check_changes(variant.changes, ["variants", index, "changes"], file)
        variants = tuple(self.variant(index, each, identifiers) for index, each in enumerate(file.variants))
        return Contract(
            name=file.provider.name,
            title=file.provider.title,
            base_url=file.provider.base_url,
            body=file.provider.body,
            requests=file.provider.requests,
            namespace=file.provider.namespace,
            credential=file.provider.credential,
            sources=sources,
            statuses=file.statuses,
            path=file.lifecycle.path,
            errors=file.errors,
            refusals=file.refusals,
            operations=file.operations,
            kinds=file.tasks,
            task_id=file.task_id,
            probes=tuple(self.probe(index, probe, file) for index, probe in enumerate(file.probes)),
            limits=stated_limits(file.limits, data["clauses"]),
            clauses=clauses,
            variants=variants,
            observations=file.observations,
            unspecified=file.unspecified,
            slips=file.slips,
            passages=tuple(self.passage(index, each, file, clauses) for index, each in enumerate(file.passages)),
            origin=str(self.path),
            schemas=MappingProxyType(self.schemas.found),
            asides=file.asides,
            times=file.lifecycle.times,
            progress=file.lifecycle.progress,
            cancelling=file.lifecycle.cancelling,
            words=file.lifecycle.words,
            rates=file.rates,
        )

    def answer_like(self, answer: dict[str, Any], path: list[str | int], seen: tuple[str, ...]) -> dict[str, Any]:
        """A response with what it takes from the one that it is like."""
        name = answer.get("like")
        if name is None:
            return answer
        operation, _, key = name.rpartition(".")
        known = [
            f"{each}.{one}" if each != path[1] else one
            for each, table in self.data["operations"].items()
            for one in table["answers"]
        ]
        if name in seen:
            raise self.fault([*path, "like"], f"'{name}' is like itself")
        self.known(name, known, [*path, "like"], "unknown response '{name}'")
        owner = operation or str(path[1])
        other = self.data["operations"][owner]["answers"][key]
        base = self.answer_like(other, ["operations", owner, "answers", key], (*seen, name))
        body = answer.get("body", base.get("body"))
        for pointer, value in answer.get("set", {}).items():
            body = with_value(body, pointer, value)
        own = {key: value for key, value in answer.items() if key not in ("like", "set", "headers")}
        whole = {**base, **own, "headers": {**base.get("headers", {}), **answer.get("headers", {})}}
        return whole if body is None else {**whole, "body": body}

    def check_operations(self, file: ContractFile) -> None:
        """The operations are those that an API needs, and their schemas are there."""
        for name, operation in file.operations.items():
            for key in ("request_schema", "response_schema"):
                schema = getattr(operation, key)
                if schema is not None:
                    self.schemas.load(schema, ["operations", name, key])
        roles = [operation.role for operation in file.operations.values()]
        for role in Role:
            if role not in roles and role in (Role.CREATE, Role.POLL):
                raise self.fault(["operations"], f"expected an operation of role '{role.value}'")
            if roles.count(role) > 1 and role is not Role.CREATE:
                problem = f"expected one operation of role '{role.value}', found {roles.count(role)}"
                raise self.fault(["operations"], problem)
        ids = {key for operation in file.operations.values() for key in operation.ids}
        for name, operation in file.operations.items():
            path: list[str | int] = ["operations", name]
            if operation.takes:
                self.known(operation.takes, ids, [*path, "takes"], "no operation has an id '{name}' among its `ids`")
            for link in operation.links:
                self.known(link, file.operations, [*path, "links", link], "unknown operation '{name}'")
            if operation.pages is not None and operation.role is not Role.FETCH:
                raise self.fault([*path, "pages"], "only an operation of role fetch has pages")
        for name, kind in file.tasks.items():
            if kind.operation:
                self.operation_name(kind.operation, ["tasks", name], file)
                if file.operations[kind.operation].role is not Role.CREATE:
                    raise self.fault(["tasks", name, "operation"], f"'{kind.operation}' does not create tasks")
        self.check_answers(file, ids)

    def check_answers(self, file: ContractFile, ids: set[str]) -> None:
        """Operations can be told apart, and have the responses that the reference needs, of words that it has."""
        words = ANSWER_WORDS | ids | set(file.lifecycle.words).union(*(kind.words for kind in file.tasks.values()))
        named = list(file.operations.items())
        for number, (name, operation) in enumerate(named):
            for earlier, other in named[:number]:
                if Role.CALLBACK not in (operation.role, other.role) and ambiguous(operation, other):
                    problem = f"nothing tells its requests from those of '{earlier}'; give one of them a `when`"
                    raise self.fault(["operations", name], problem)
            needed = NEEDED_ANSWERS.get(operation.role, ())
            if operation.role is Role.POLL:
                phases = [
                    file.statuses[status].phase.value for status in file.lifecycle.path if status in file.statuses
                ]
                needed = (*needed, *phases)
            for answer in needed:
                if answer not in operation.answers and not (answer == "created" and "succeeded" in operation.answers):
                    problem = f"the response '{answer}' is missing; the reference provider needs it"
                    raise self.fault(["operations", name, "answers"], problem)
            for key, each in operation.answers.items():
                for word in sorted(names_in_template(dict(each.headers)) - words):
                    if "#" not in word and not word.startswith("request."):
                        known = f"expected one of {', '.join(sorted(words))}{nearest(word, words)}"
                        place = ["operations", name, "answers", key, "headers"]
                        raise self.fault(place, f"unknown word '{word}' in a header; {known}")

    def check_names(self, file: ContractFile) -> None:
        """The names that tables use of each other are there."""
        if file.lifecycle.cancelling:
            self.known(file.lifecycle.cancelling, file.statuses, ["lifecycle", "cancelling"], "unknown status '{name}'")
        for index, value in enumerate(file.lifecycle.path):
            self.known(value, file.statuses, ["lifecycle", "path", index], "'{name}' is not under [statuses]")
            if file.statuses[value].phase is Phase.OPEN:
                problem = f"'{value}' is open: whether it is final is not documented, so no path leads through it"
                raise self.fault(["lifecycle", "path", index], problem)
        for entry in table_fields(type(file.refusals)):
            code = getattr(file.refusals, entry.field)
            if file.errors and code:
                self.known(code, file.errors, ["refusals", entry.key], "'{name}' is not in [errors]")
        for index, rate in enumerate(file.rates):
            if file.errors and rate.code:
                self.known(rate.code, file.errors, ["rates", index, "code"], "'{name}' is not in [errors]")
        self.unique("variants", "name", [variant.name for variant in file.variants])
        self.unique("unspecified", "name", [entry.name for entry in file.unspecified])

    def operation_name(self, name: str, path: KeyPath, file: ContractFile) -> None:
        problem = "unknown operation '{name}'; expected one of {names}"
        self.known(name, file.operations, [*path, "operation"], problem)

    def check_changes(self, changes: Iterable[Break], path: KeyPath, file: ContractFile) -> None:
        for number, change in enumerate(changes):
            if change.operation:
                self.operation_name(change.operation, [*path, number], file)

    def variant(self, index: int, variant: Variant, identifiers: list[str]) -> Variant:
        """A variant with the ids of its clauses in place of patterns."""
        found: list[str] = []
        for number, name in enumerate(variant.clauses):
            meant = fnmatch.filter(identifiers, name) if "*" in name else []
            if not meant:
                self.known(name, identifiers, ["variants", index, "clauses", number], "unknown clause '{name}'")
            found += meant or [name]
        return replace(variant, clauses=tuple(dict.fromkeys(found)))

    def probe(self, index: int, probe: Probe, file: ContractFile) -> Probe:
        """A probe with the error code of its refusal."""
        code = probe.code or file.refusals.invalid_request
        if file.errors and code:
            self.known(code, file.errors, ["probes", index, "code"], "'{name}' is not in [errors]")
        self.operation_name(probe.operation, ["probes", index], file)
        return replace(probe, code=code)

    def clause(self, index: int, table: Mapping[str, Any], file: ContractFile) -> Clause:
        """A clause with the parameters of its kind."""
        path: list[str | int] = ["clauses", index]
        kind = KINDS[table["kind"]]
        values = parameters(kind.parameters, self.converter, table, path)
        self.check_answer(values, path, file)
        if "leads_to" in values:
            self.known(values["leads_to"], file.operations, [*path, "leads_to"], "unknown operation '{name}'")
        if "subject" not in table:
            table = {**table, "subject": kind.subjects[0].value}
        clause = self.converter.table(Clause, table, path, parameters=self.bound(table["kind"], values, file, path))
        operation = values.get("operation", "")
        for name in operation if isinstance(operation, tuple) else [operation] * bool(operation):
            self.operation_name(name, path, file)
        operation = operation if isinstance(operation, str) else ""
        if kind.parameters is InputRule and file.operations[operation].request_schema is None:
            raise self.fault([*path, "operation"], f"'{operation}' has no request_schema, whose limits could be tried")
        if clause.subject not in kind.subjects:
            raise self.fault([*path, "subject"], f"kind '{kind.name}' is about the {kind.subjects[0].value}")
        if "probe" in values:
            names = [*PROBES, *(probe.name for probe in file.probes)]
            self.known(values["probe"], names, [*path, "probe"], "unknown probe '{name}'; expected one of {names}")
        if values.get("rule") and operation:
            part = getattr(file.operations[operation], f"{values.get('part', 'response')}_schema") or ""
            rules = sorted(self.schemas.rules.get(part, frozenset()))
            self.known(values["rule"], rules, [*path, "rule"], part + " has no x-rule '{name}'; it has {names}")
        breaks = tuple(replace(each, operation=each.operation or operation) for each in clause.breaks)
        self.check_changes(breaks, [*path, "breaks"], file)
        return replace(clause, breaks=breaks)

    def check_answer(self, values: Mapping[str, Any], path: KeyPath, file: ContractFile) -> None:
        """What a clause of kind `answer` names is there: situations, headers' patterns, codes, the schema."""
        names = [*SITUATIONS, *PROBES, *(probe.name for probe in file.probes)]
        for name in values.get("to", ()):
            self.known(name, names, [*path, "to"], "unknown situation '{name}'; expected one of {names}")
        if isinstance(values.get("headers"), tuple):
            for name, pattern in values["headers"]:
                self.converter.pattern(pattern, [*path, "headers", name])
        for code in values.get("codes", ()):
            if file.errors and isinstance(values["codes"], tuple):
                self.known(code, file.errors, [*path, "codes"], "'{name}' is not in [errors]")
        if "schema" in values:
            self.schemas.load(values["schema"], [*path, "schema"])

    def bound(self, kind: str, values: dict[str, Any], file: ContractFile, path: KeyPath) -> Any:
        """The parameters of a kind from the clause's own values and the limits."""
        limits: Limits = file.limits
        tables: dict[str, Any] = {"schemas": self.schemas.found, "errors": file.errors, "operations": file.operations}
        tables |= {"path": file.lifecycle.path, "credential": file.provider.credential}
        try:
            return bind(KINDS[kind], values, limits, tables, stated_limits(limits, self.data["clauses"]))
        except ParameterError as error:
            raise self.fault(path, str(error)) from None

    def passage(self, index: int, passage: Passage, file: ContractFile, clauses: Sequence[Clause]) -> Passage:
        """A passage whose lines and names are there, with the clauses that cite no other lines."""
        path: list[str | int] = ["passages", index]
        citation, lines = passage.citation, passage.citation.source.lines
        if not citation.span or citation.span[-1] > (lines or 0):
            text = self.data["passages"][index]["source"]
            problem = f"'{text}' is not a passage; expected 'SOURCE:LINES', the lines within the {lines} of it"
            if lines is None:
                problem = f"the source '{citation.source.key}' has no `lines`, which count those of the document"
            raise self.fault([*path, "source"], problem)
        known = {
            "clauses": [clause.id for clause in clauses],
            "unspecified": [entry.name for entry in file.unspecified if entry.name],
            "observations": [entry.id for entry in file.observations],
        }
        for key, names in known.items():
            for number, name in enumerate(getattr(passage, key)):
                self.known(name, names, [*path, key, number], "'{name}' is not in [[" + key + "]]")
        citing = [] if passage.aside else [each.id for each in clauses if any(map(citation.covers, each.citations))]
        passage = replace(passage, clauses=tuple(dict.fromkeys((*passage.clauses, *citing))))
        if bool(passage.aside) == any(getattr(passage, key) for key in known):
            problem = (
                "no clause cites these lines alone" if not passage.aside else "lines without a rule have no clauses"
            )
            raise self.fault(path, f"{problem}; expected either `aside` or at least one of {', '.join(known)}")
        return replace(passage, gist=passage.gist or passage.aside)
