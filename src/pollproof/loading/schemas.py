"""The schemas that a contract names: read, compiled and kept by name. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pollproof.bundled import folder
from pollproof.loading.errors import ContractError
from pollproof.loading.files import read
from pollproof.trace.bodies import load_json
from pollproof.trace.codecs import rules_of

Path_ = Sequence[str | int]


class SchemaFolder:
    """The schemas of one contract, by their names below a folder `schemas` beside the contract, above it, or bundled.

    `found` are the schemas as codecs take them, `rules` the names of their `x-rule`s.
    """

    def __init__(self, contract: Path, fault: Callable[[Path_, str], ContractError]) -> None:
        self.found: dict[str, Any] = {}
        self.rules: dict[str, frozenset[str]] = {}
        self._fault = fault
        self._folders = [parent / "schemas" for parent in contract.resolve().parents[:2]] + [folder("schemas")]

    def load(self, name: str, path: Path_) -> None:
        """Read and compile the schema of that name; `path` is where the contract names it."""
        if name in self.found:
            return
        for place in self._folders:
            try:
                candidate = (place / name).resolve()
                if candidate.is_relative_to(place.resolve()) and candidate.is_file():
                    break
            except (OSError, RuntimeError, ValueError):  # too long a name, a circle of links, a null character
                continue
        else:
            raise self._fault(path, f"there is no schema '{name}' in {' or '.join(map(str, self._folders))}")
        schema: Any = str(candidate)
        if candidate.suffix != ".xsd":
            schema = self._json(candidate, path)
        try:
            self.rules[name] = rules_of(schema) - {""}
        except ValueError as error:
            raise self._fault(path, f"{candidate}: {' '.join(str(error).split())}") from None
        self.found[name] = schema

    def _json(self, file: Path, path: Path_) -> dict[str, Any]:
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


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node[key] for key in ("$ref", "$dynamicRef") if isinstance(node.get(key), str)]
        return own + [reference for child in node.values() for reference in _references(child)]
    if isinstance(node, list):
        return [reference for child in node for reference in _references(child)]
    return []
