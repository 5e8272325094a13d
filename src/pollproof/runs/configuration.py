"""The configuration file: `[tool.pollproof]` in pyproject.toml, or pollproof.toml, made of the one table of options.

Keys at the top hold for every mode, those of `[verify]`, `[gate]` and `[check]` for one, and those of a table below
`[targets]` for runs with `--target`. Keys of a provider never stand in it: only where they are found.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pollproof.errors import InputError
from pollproof.loading.errors import fault, schema_fault
from pollproof.runs.options import EVERY, OPTIONS, VERIFY, Option
from pollproof.text import nearest

OWN_FILE, PROJECT_FILE = "pollproof.toml", "pyproject.toml"

SCHEMA = "https://pollproof.dev/schemas/pollproof/configuration.schema.json"

NO_FILE = "none"
"""What `--config` takes to read no file."""

_TYPES: Mapping[str, Any] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "flag": {"type": "boolean"},
}

_TARGET_KEYS: Mapping[str, Any] = {
    "contract": {"type": "string", "description": "Bundled provider or contract file of the target."},
    "api_key_env": {"type": "string", "description": "Environment variable that holds the API key for the target."},
    "api_key_file": {"type": "string", "description": "File that holds the API key for the target."},
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a configuration file says of one mode.

    Args:
        file: the file as messages name it; empty where there is none.
        values: option key to value. Paths are as seen from the current folder.
        lines: option key to its line in the file.
        contract: the contract of the target; empty where none is named.
        key_variable: the environment variable that holds the API key; empty where none is named.
        targets: the names of all targets.
    """

    file: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int | None] = field(default_factory=dict)
    contract: str = ""
    key_variable: str = ""
    targets: tuple[str, ...] = ()


def configurable(mode: str) -> tuple[Option, ...]:
    """The options of a mode that a file may state."""
    return tuple(option for option in OPTIONS if mode in option.modes and not option.typed)


def configuration_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file, made from the table of options."""
    modes = {mode: _table({option.file_key: _entry(option) for option in configurable(mode)}) for mode in EVERY}
    common: dict[str, Any] = {}
    for mode in EVERY:
        for key, entry in modes[mode]["properties"].items():
            known = common.setdefault(key, entry)
            if "enum" in known:
                common[key] = {**known, "enum": sorted({*known["enum"], *entry["enum"]})}
    target = {**_TARGET_KEYS, **modes[VERIFY]["properties"]}
    tables = {mode: {**modes[mode], "description": f"Options of pollproof {mode}."} for mode in EVERY}
    targets = {
        "type": "object",
        "description": "Targets by name, for pollproof verify --target NAME.",
        "additionalProperties": _table(dict(sorted(target.items()))),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "pollproof configuration",
        "description": "pollproof.toml, or the table [tool.pollproof] of pyproject.toml.",
        **_table({**common, **tables, "targets": targets}),
    }


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _entry(option: Option) -> dict[str, Any]:
    kind: dict[str, Any] = {"enum": list(option.choices)} if option.choices else dict(_TYPES[option.kind])
    if option.multiple:
        kind = {"type": "array", "items": kind}
    return {**kind, "description": option.help}


def settings_for(mode: str, target: str | None = None, file: str | None = None) -> Configuration:
    """What holds for a mode by the configuration file.

    Args:
        mode: verify, gate or check.
        target: the name of a table below `[targets]`.
        file: the file to read, `none` for no file; the nearest one from the current folder upward when left out.

    Raises:
        InputError: for a file that cannot be used and a target that is not in it, with file, line and the nearest word.
    """
    path = None if file == NO_FILE else _nearest_file() if file is None else Path(file)
    if path is None:
        if target is not None:
            raise InputError(
                f"--target {target}: no {OWN_FILE} here or above, and no [tool.pollproof] in {PROJECT_FILE}"
            )
        return Configuration()
    text, data = _read(path)
    place: list[str | int] = ["tool", "pollproof"] if path.name == PROJECT_FILE else []
    own = data
    for step in place:
        own = own.get(str(step), {})
    name = os.path.relpath(path)
    tables: list[list[str | int]] = [[], [mode]]
    targets = own.get("targets", {})
    if target is not None:
        if target not in targets:
            known = ", ".join(targets) or "none"
            raise fault(
                name, text, place, f"unknown target '{target}'; expected one of {known}{nearest(target, targets)}"
            )
        tables.append(["targets", target])
    values: dict[str, Any] = {}
    lines: dict[str, int | None] = {}
    options = {option.file_key: option for option in configurable(mode)}
    for steps in tables:
        table = own
        for step in steps:
            table = table.get(str(step), {})
        for key, value in table.items():
            option = options.get(key)
            if option is not None and (steps or not option.choices or value in option.choices):
                values[option.parameter] = _as_option(option, value, path.parent)
                lines[option.parameter] = _line(text, [*place, *steps, key])
    found = targets.get(target, {}) if target is not None else {}
    contract = found.get("contract", "")
    if contract.endswith(".toml"):
        contract = _beside(path.parent, contract)
    _find_key(
        found, values, path, lambda key, problem: fault(name, text, [*place, "targets", target or "", key], problem)
    )
    return Configuration(name, values, lines, contract, found.get("api_key_env", ""), tuple(targets))


def _find_key(found: Mapping[str, Any], values: dict[str, Any], path: Path, wrong: Any) -> None:
    """Put the API key of a target among its values; the key itself is in no configuration file."""
    if "api_key_env" in found:
        key = os.environ.get(found["api_key_env"], "")
        if not key.strip():
            raise wrong("api_key_env", f"the environment variable {found['api_key_env']} is not set")
        values["api_key"] = key
    elif "api_key_file" in found:
        try:
            key = (path.parent / found["api_key_file"]).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not text in UTF-8"
            raise wrong("api_key_file", f"{found['api_key_file']} cannot be read ({why})") from None
        if not key:
            raise wrong("api_key_file", f"{found['api_key_file']} is empty; expected the API key")
        values["api_key"] = key


def _nearest_file() -> Path | None:
    """The configuration file of the current folder, or of the nearest one above that has one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / OWN_FILE).is_file():
            return folder / OWN_FILE
        project = folder / PROJECT_FILE
        if project.is_file() and "pollproof" in _read(project, lenient=True)[1].get("tool", {}):
            return project
    return None


def _read(path: Path, *, lenient: bool = False) -> tuple[str, dict[str, Any]]:
    """The text of a configuration file and its tables; a lenient reader takes another tool's broken file as empty."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        if lenient:
            return "", {}
        raise InputError(f"{os.path.relpath(path)}: is not TOML ({error})") from None
    if lenient:
        return text, data if isinstance(data.get("tool", {}), dict) else {}
    _check(text, data, path)
    return text, data


def _check(text: str, data: dict[str, Any], path: Path) -> None:
    from jsonschema import Draft202012Validator

    own = configuration_schema()
    inner = {"type": "object", "properties": {"pollproof": own}}
    schema = {"type": "object", "properties": {"tool": inner}} if path.name == PROJECT_FILE else own
    errors = list(Draft202012Validator(schema).iter_errors(data))
    for error in errors:
        for key in error.instance if isinstance(error.instance, dict) else ():
            reason = _WRONG_KEYS.get(key)
            if error.validator == "additionalProperties" and reason is not None:
                raise fault(os.path.relpath(path), text, [*error.absolute_path, key], f"'{key}' {reason}")
    if errors:
        raise schema_fault(partial(fault, os.path.relpath(path), text), errors, data)


_WRONG_KEYS: Mapping[str, str] = {
    "api_key": "does not belong in a file; name the environment variable or the file that holds the key: api_key_env, "
    "api_key_file",
    **{
        option.file_key: "can be given on the command line only"
        for option in OPTIONS
        if option.typed and option.file_key not in ("api_key", "target")
    },
}


def _as_option(option: Option, value: Any, folder: Path) -> Any:
    return _beside(folder, value) if option.is_path else tuple(value) if option.multiple else value


def _beside(folder: Path, name: str) -> str:
    """A path of the file, as seen from the current folder."""
    if Path(name).is_absolute() or "://" in name:
        return name
    path = folder / name
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _line(text: str, path: list[str | int]) -> int | None:
    from pollproof.loading.locate import line_of

    return line_of(text, path)
