"""Both forms of the kernels in one process: a compiled module, and its twin in plain Python."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from replay.kernel_form import PACKAGES, SourcesOnly

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import ModuleType

__all__ = ["is_extension", "plain", "stale"]


def is_extension(module: ModuleType) -> bool:
    """True when the module is an extension module."""
    return not (getattr(module, "__file__", None) or ".py").endswith(".py")


def stale(root: Path) -> list[Path]:
    """Sources of kernels that are newer than their extension modules, which hide them.

    A declaration counts for all of them but the one without a source, which holds what Cython's modules share: its
    inline functions are compiled into those that use it.

    Args:
        root: the folder of the packages.
    """
    files = [file for package in PACKAGES for file in (root / package).rglob("*.*")]
    compiled = [file for file in files if file.name.endswith(".abi3.so") and file.name != "_utility.abi3.so"]
    oldest_ns = min((module.stat().st_mtime_ns for module in compiled), default=sys.maxsize)
    found = [file for file in files if file.suffix == ".pxd" and file.stat().st_mtime_ns > oldest_ns]
    for module in compiled:
        base = module.with_name(module.name.partition(".")[0])
        sources = [base.with_suffix(suffix) for suffix in (".py", ".pyx")]
        compiled_ns = module.stat().st_mtime_ns
        found += [file for file in sources if file.exists() and file.stat().st_mtime_ns > compiled_ns]
    return found


@cache
def plain(name: str) -> Any:  # noqa: ANN401  a module, whose attributes mypy cannot know
    """Import the plain twin of a module: its package and all kernels, from their sources.

    Modules outside of these, such as errors and the catalogue of events, are shared with the imported module.
    """
    package = name.rpartition(".")[0]
    taken = {
        known: module
        for known, module in sys.modules.items()
        if known.partition(".")[0] in PACKAGES
        and (known == package or known.startswith(f"{package}.") or is_extension(module))
    }
    finder = SourcesOnly()
    _take_out(taken)
    sys.meta_path.insert(0, finder)
    try:
        return import_module(name)
    finally:
        sys.meta_path.remove(finder)
        _take_out({known for known in sys.modules if known in taken or known.startswith(f"{package}.")})
        sys.modules.update(taken)
        for known, module in taken.items():
            parent, _, attribute = known.rpartition(".")
            if parent:
                setattr(sys.modules[parent], attribute, module)


def _take_out(names: Iterable[str]) -> None:
    """Remove modules from `sys.modules` and from the attributes of their packages."""
    for name in names:
        sys.modules.pop(name, None)
        parent, _, attribute = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(attribute, None)
