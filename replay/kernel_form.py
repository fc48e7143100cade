"""Choice between the two forms of the kernels: compiled extension modules, and the same files as plain Python.

Imports nothing of the program, because the process that reads CTF traces must start fast.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import FileFinder, SourceFileLoader
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["PACKAGES", "VARIABLE", "SourcesOnly", "choose", "is_compiled"]

VARIABLE = "PFLASH_TRACETOOL_KERNELS"
"""`plain` runs the sources despite their extension modules. `required` is for the build."""

PACKAGES = ("replay", "tracetool")


class SourcesOnly:
    """Meta path finder that loads the program's modules from source only.

    Does not subclass `importlib.abc.MetaPathFinder`, whose import is slow and would burden every process.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Find the module's `.py`.

        Raises:
            ModuleNotFoundError: it has none; the importer falls back to the plain twin.
        """
        if path is None or fullname.partition(".")[0] not in PACKAGES:
            return None
        for folder in path:
            if spec := FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(fullname):
                return spec
        raise ModuleNotFoundError(f"{fullname}: has no source", name=fullname)


def choose() -> None:
    """Install `SourcesOnly` if the environment asks for it; call before any kernel is imported."""
    if os.environ.get(VARIABLE) == "plain" and not any(isinstance(finder, SourcesOnly) for finder in sys.meta_path):
        sys.meta_path.insert(0, SourcesOnly())


def is_compiled() -> bool:
    """True if the kernels run compiled."""
    try:
        return find_spec("replay.native") is not None
    except ModuleNotFoundError:
        return False
