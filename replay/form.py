"""The two forms of the kernels: extension modules compiled from them, and the same files as plain Python.

Knows nothing of the rest of the program: the process that reads CTF traces uses it too.
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
"""`plain`: the sources run though they have been compiled. `required` speaks to the build."""

PACKAGES = ("replay", "tracetool")


class SourcesOnly:
    """Finds the modules of the program as sources, and no extension module.

    A meta path finder by its method alone: `importlib.abc` imports much, and every process of the program needs this.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Find the module's `.py`.

        Raises:
            ModuleNotFoundError: it has none, and what stands in for it is to be imported.
        """
        if path is None or fullname.partition(".")[0] not in PACKAGES:
            return None
        for folder in path:
            if spec := FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(fullname):
                return spec
        raise ModuleNotFoundError(f"{fullname}: has no source", name=fullname)


def choose() -> None:
    """Have the sources run where the environment asks for it; called before any kernel is imported."""
    if os.environ.get(VARIABLE) == "plain" and not any(isinstance(finder, SourcesOnly) for finder in sys.meta_path):
        sys.meta_path.insert(0, SourcesOnly())


def is_compiled() -> bool:
    """Whether the kernels run compiled."""
    try:
        return find_spec("replay.native") is not None
    except ModuleNotFoundError:
        return False
