"""What `pollproof new NAME` writes: a small complete contract to start from. The files beside this one are its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pollproof.bundled import bundled
from pollproof.scaffold.errors import ScaffoldError as ScaffoldError

_MAXIMUM_NAME = 40
"""Characters of a name: it stands before every clause id."""

SCHEMAS = ("create.request.schema.json", "create.response.schema.json", "poll.response.schema.json", "samples.json")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_name(name: str) -> None:
    """Raise `ScaffoldError` for what can be no name of a contract."""
    if not _NAME.fullmatch(name) or len(name) > _MAXIMUM_NAME:
        raise ScaffoldError(
            f"{name!r} is not a name for a contract; expected at most {_MAXIMUM_NAME} lower-case letters and digits, "
            "with single hyphens between them, such as my-api"
        )
    if name in bundled():
        raise ScaffoldError(f"'{name}' is the name of a bundled contract; expected another")


def write(name: str, folder: Path) -> list[Path]:
    """Write the files of a new contract into a folder and give their paths; raises `ScaffoldError`.

    Nothing is written where one of them is there already, nor left behind where one cannot be written.
    """
    check_name(name)
    texts = {folder / f"{name}.toml": _text("contract.toml", name)}
    texts |= {folder / "schemas" / name / file: _text(file, name) for file in SCHEMAS}
    return _written(folder, texts)


def write_from_document(name: str, folder: Path, file: Path) -> list[Path]:
    """Write a contract to start from, with the lines of a page laid out as passages; raises `ScaffoldError`."""
    from pollproof.scaffold.passages import document_tables

    check_name(name)
    source, passages = document_tables(file)
    texts = {folder / "schemas" / name / each: _text(each, name) for each in SCHEMAS}
    whole = _text("contract.toml", name).replace("\n[statuses]", f"\n{source}\n[statuses]", 1) + passages
    return _written(folder, {folder / f"{name}.toml": whole, **texts})


def write_from_openapi(name: str, folder: Path, file: Path, create: str, poll: str) -> tuple[list[Path], list[str]]:
    """Write a contract that refers to an OpenAPI document, with a copy of the document beside it.

    `create` and `poll` name the operations, by operationId or as "POST /path". Gives the paths of the files, and the
    questions that the document leaves. Raises `ScaffoldError`.
    """
    from pollproof.scaffold.openapi import openapi_contract

    check_name(name)
    text, questions = openapi_contract(name, file, create, poll)
    texts = {folder / f"{name}.toml": text}
    if file.resolve().parent != folder.resolve():
        texts[folder / file.name] = file.read_text(encoding="utf-8")
    return _written(folder, texts), questions


def _written(folder: Path, texts: Mapping[Path, str]) -> list[Path]:
    written: list[Path] = []
    try:
        for path in texts:
            if path.exists() or path.is_symlink():
                raise ScaffoldError(f"{path} is there already, and nothing is overwritten")
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise ScaffoldError(f"{error.filename or folder}: cannot be written ({error.strerror})") from None
    return written


def _text(file: str, name: str) -> str:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    return text.replace("@name@", name).replace("@title@", name.replace("-", " ").capitalize())
