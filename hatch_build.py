"""Build hook: the wheel carries the native clock where there is a compiler, and is pure where there is none.

A pure wheel compiles what it needs when it is first needed, if there is a compiler then; so does an editable install.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "src/pollproof/virtualtime"


def load_compiling(root: Path) -> ModuleType:
    """The module that compiles, without the package around it: what that needs is not installed while building.

    `pollproof` itself and its errors, which need nothing, are taken from the sources.
    """
    sys.path.insert(0, str(root / "src"))
    specification = importlib.util.spec_from_file_location("compiling", root / PACKAGE / "compiling.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class LeapingLibrary(BuildHookInterface[Any]):
    """Compiles the library, and says so in the wheel's name."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is put together."""
        if self.target_name != "wheel" or version == "editable":
            return
        compiling = load_compiling(Path(self.root))
        if compiling.foreign_system() is not None:
            return
        self._folder = tempfile.TemporaryDirectory(prefix="pollproof-build-")
        library, supervisor = (Path(self._folder.name) / name for name in (compiling.LIBRARY, compiling.SUPERVISOR))
        try:
            compiling.compile_library(library)
        except compiling.CannotCompile as reason:
            self.app.display_warning(f"Without the leaping library, for {reason}; the wheel is pure Python.")
            return
        build_data["force_include"][str(library)] = f"pollproof/virtualtime/{compiling.LIBRARY}"
        try:
            compiling.compile_supervisor(supervisor)
            build_data["force_include"][str(supervisor)] = f"pollproof/virtualtime/{compiling.SUPERVISOR}"
        except compiling.CannotCompile as reason:
            self.app.display_warning(f"Without the supervisor, for {reason}.")
        build_data["pure_python"] = False
        # No part of it depends on the version of Python.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After it was put together."""
        folder = getattr(self, "_folder", None)
        if folder is not None:
            folder.cleanup()
