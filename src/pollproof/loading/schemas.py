"""The schemas that a contract names: read, compiled and kept by name. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pollproof.bundled import folder
from pollproof.contract.places import follow_steps
from pollproof.contract.templates import steps_of
from pollproof.loading.convert import KeyPath
from pollproof.loading.errors import ContractError
from pollproof.loading.files import read
from pollproof.trace.bodies import load_json
from pollproof.trace.codecs import rules_of


class SchemaFolder:
    """The schemas of one contract, by their names below a folder `schemas` beside the contract, above it, or bundled.

    A name with a `#` in it is a JSON Pointer into an OpenAPI document, which is looked for beside the contract first.

    `found` are the schemas as codecs take them, `rules` the names of their `x-rule`s.
    """

    def __init__(
        self, contract: Path, fault: Callable[[KeyPath, str], ContractError], extended: Sequence[Path] = ()
    ) -> None:
        self.found: dict[str, Any] = {}
        self.rules: dict[str, frozenset[str]] = {}
        self._fault = fault
        self._beside = contract.resolve().parent
        parents = [parent for file in (contract, *extended) for parent in file.resolve().parents[:2]]
        self._folders = [*dict.fromkeys(parent / "schemas" for parent in parents), folder("schemas")]

    def load(self, name: str, path: KeyPath) -> None:
        """Read and compile the schema of that name; `path` is where the contract names it."""
        if name in self.found:
            return
        file, mark, pointer = name.partition("#")
        for place in [self._beside, *self._folders] if mark else self._folders:
            try:
                candidate = (place / file).resolve()
                if candidate.is_relative_to(place.resolve()) and candidate.is_file():
                    break
            except (OSError, RuntimeError, ValueError):  # too long a name, a circle of links, a null character
                continue
        else:
            raise self._fault(path, f"there is no schema '{name}' in {' or '.join(map(str, self._folders))}")
        schema: Any = str(candidate)
        if mark:
            try:
                schema = schema_at(load_document(candidate), pointer)
            except ContractError as error:
                raise self._fault(path, str(error)) from None
            if not schema:
                raise self._fault(path, f"there is no schema at '{pointer}' in {candidate}")
        elif candidate.suffix != ".xsd":
            schema = self._json(candidate, path)
        try:
            self.rules[name] = rules_of(schema) - {""}
        except ValueError as error:
            raise self._fault(path, f"{candidate}: {' '.join(str(error).split())}") from None
        self.found[name] = schema

    def _json(self, file: Path, path: KeyPath) -> dict[str, Any]:
        try:
            schema = load_json(read(file))
            if not isinstance(schema, dict):
                raise self._fault(path, f"the schema {file} is not a JSON object")
            references = _references(schema)
        except ContractError:
            raise
        except ValueError as error:
            raise self._fault(path, f"the schema {file} is not JSON ({error}), and not a JSON object") from None
        except RecursionError:
            raise self._fault(path, f"the schema {file} is nested too deeply") from None
        for reference in references:
            if not reference.startswith("#"):
                problem = f"the schema {file} refers to '{reference}'; nothing is fetched, expected '#/...'"
                raise self._fault(path, problem)
        return schema


def load_document(file: Path) -> Mapping[str, Any]:
    """An OpenAPI document as JSON or YAML; raises `ContractError`. Nothing is fetched."""
    import yaml

    text = read(file)
    try:
        if file.suffix == ".json":
            document = load_json(text)
        else:
            document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{file}: is not JSON ({error})") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{file}: is not YAML ({' '.join(str(error).split())[:200]})") from None
    if not isinstance(document, Mapping) or not str(document.get("openapi", "")).startswith("3."):
        raise ContractError(f"{file}: is not an OpenAPI document of version 3")
    return document


def resolved(document: Any, node: Any) -> Mapping[str, Any]:
    """What a node of a document says, its reference within the document followed."""
    for _ in range(20):
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        node = follow_steps(document, tuple(steps_of(reference[1:])))
    return node if isinstance(node, Mapping) else {}


def schema_at(document: Any, pointer: str) -> dict[str, Any]:
    """The JSON Schema at a pointer of an OpenAPI document, with the components that it refers to; empty for none."""
    node = resolved(document, follow_steps(document, tuple(steps_of(pointer))))
    if not node:
        return {}
    schema = {**node, "components": {"schemas": document.get("components", {}).get("schemas", {})}}
    whole = _nullable(schema)
    assert isinstance(whole, dict)
    return whole


def _nullable(node: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: `nullable` and exclusive limits are written otherwise there."""
    if isinstance(node, list):
        return [_nullable(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    found = {key: _nullable(value) for key, value in node.items()}
    if found.pop("nullable", False) is True:
        if isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
            if "enum" in found:
                found["enum"] = [*found["enum"], None]
        else:
            found = {"anyOf": [found, {"type": "null"}]}
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if found.get(exclusive) is True and limit in found:
            found[exclusive] = found.pop(limit)
        elif isinstance(found.get(exclusive), bool):
            del found[exclusive]
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node[key] for key in ("$ref", "$dynamicRef") if isinstance(node.get(key), str)]
        return own + [reference for child in node.values() for reference in _references(child)]
    if isinstance(node, list):
        return [reference for child in node for reference in _references(child)]
    return []
