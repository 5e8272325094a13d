"""Imports a test module in another process under the name, and with the packages, that pytest gave it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(file: Path, name: str) -> ModuleType:
    """The module of a file.

    Where the path of modules leads from the name to the file it is an ordinary import (import modes prepend and
    append). Otherwise (import mode importlib) its packages are the folders above the file, as far as the name has them.
    """
    _load_packages(file, name)
    spec = importlib.util.find_spec(name) if "." not in name or name.rpartition(".")[0] in sys.modules else None
    if spec is not None and spec.origin is not None and _is_same(Path(spec.origin), file):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_packages(file: Path, name: str) -> None:
    """Load the packages of a module; the topmost from its folder, where the path of modules leads elsewhere."""
    packages = name.split(".")[:-1]
    folders = list(reversed(list(file.parents)[: len(packages)]))
    if not packages or [folder.name for folder in folders] != packages:
        return
    top, folder = packages[0], folders[0]
    spec = importlib.util.find_spec(top)
    places = (None if spec is None else spec.submodule_search_locations) or []
    if not any(_is_same(Path(place), folder) for place in places):
        start = folder / "__init__.py"
        spec = importlib.util.spec_from_file_location(top, start, submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[top] = importlib.util.module_from_spec(spec)
        if start.exists():
            spec.loader.exec_module(module)
    importlib.import_module(".".join(packages))


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
