"""Reading the files of a contract, within bounds."""

from __future__ import annotations

from pathlib import Path

from pollproof.loading.errors import ContractError

MAXIMUM_FILE = 4 * 1024 * 1024
"""Bytes of a contract or schema file; anything larger is not one."""


def read(path: Path) -> str:
    """The text of a file; raises `ContractError` for one that cannot be read, is too large or is not UTF-8."""
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
