"""Kernels compiled by numba: the same functions, loaded a second time, with machine code kept between runs.

A kernel is a set of modules written in the part of Python that numba compiles. `compile_kernel` copies their
functions so that the copies call each other and not the plain ones, and compiles what is reached from the entry.
The modules stay as they are: whoever calls them runs plain Python.

Machine code is cached in the user's cache directory, in a folder named after a hash of the sources: numba notices
when the file of a cached function changes, but not when one of its callees does, in another file.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

__all__ = ["Replacements", "add_listener", "announce", "cache_base", "cache_folder", "compile_kernel", "have_numba"]

Replacements = dict[Any, Any]
"""Plain functions, and what is called in their place in compiled code: compiled functions or intrinsics."""

APPLICATION = "pflash-tracetool"
CACHE_VARIABLE = "NUMBA_CACHE_DIR"

INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that only compiled code calls: to unpack their arguments for Python would double the work."""

_listeners: list[Callable[[str], None]] = []


def add_listener(listener: Callable[[str], None]) -> None:
    """Have `listener` called with the name of a kernel that is about to be compiled, which takes some seconds."""
    _listeners.append(listener)


def announce(name: str) -> None:
    """Tell the listeners that a kernel is about to be compiled."""
    for listener in _listeners:
        listener(name)


def have_numba() -> bool:
    """Whether numba is installed, and so whether kernels can be compiled. Does not import it."""
    return "numba" in sys.modules or find_spec("numba") is not None


def compile_kernel(
    name: str,
    modules: Sequence[str],
    entry: str,
    types: Mapping[str, Any],
    *,
    replacements: Replacements | None = None,
    **options: Any,  # noqa: ANN401  numba's own
) -> Callable[..., Any]:
    """Compile the function `entry` of the last of `modules`, with all that it calls in any of them.

    Args:
        name: what the kernel is called when its compilation is announced.
        modules: names of all modules whose functions are reached.
        entry: name of a function of the last one.
        types: numba's type for each annotation of an argument, as it is written.
        replacements: what is called in place of some of the functions.
        options: numba's, for every function.

    Raises:
        ImportError: there is no numba.
    """
    numba = importlib.import_module("numba")
    loaded = [importlib.import_module(module) for module in modules]
    folder = cache_folder([Path(str(module.__file__)) for module in loaded])
    first = getattr(loaded[-1], entry)
    jitted: dict[Any, Any] = {}
    for module in loaded:
        for plain, copy in _copies(module).items():
            jitted[plain] = numba.njit(**({} if plain is first else INNER), **options)(copy)
    jitted |= replacements or {}
    for dispatcher in jitted.values():
        _redirect(getattr(dispatcher, "py_func", None), jitted)
    compiled = jitted[first]
    _enable_cache(numba, compiled, folder)
    if not any(folder.rglob(f"*.{entry}-*.nbc")):
        announce(name)
        for dispatcher in _callees(compiled, set()):
            _compile(dispatcher, types)
    _compile(compiled, types)
    return compiled  # type: ignore[no-any-return]


def _copies(module: ModuleType) -> dict[FunctionType, FunctionType]:
    """The functions that a module defines, each with its copy; the copies share globals of their own."""
    space = dict(vars(module))
    copies = {}
    for value in vars(module).values():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            copy = FunctionType(value.__code__, space, value.__name__, value.__defaults__, value.__closure__)
            copy.__module__, copy.__qualname__ = value.__module__, value.__qualname__
            copy.__annotations__ = value.__annotations__
            copies[value] = copy
    return copies


def _redirect(function: FunctionType | None, jitted: Mapping[Any, Any]) -> None:
    """Have a copied function call compiled ones."""
    if function is not None:
        space = function.__globals__
        space.update({n: jitted[v] for n, v in space.items() if isinstance(v, FunctionType) and v in jitted})


def _callees(dispatcher: Any, seen: set[int]) -> Iterator[Any]:  # noqa: ANN401  numba has no types
    """All that a function calls, each after what it calls itself."""
    for name in dispatcher.py_func.__code__.co_names:
        callee = dispatcher.py_func.__globals__.get(name)
        if hasattr(callee, "py_func") and id(callee) not in seen:
            seen.add(id(callee))
            yield from _callees(callee, seen)
            yield callee


def _compile(dispatcher: Any, types: Mapping[str, Any]) -> None:  # noqa: ANN401  numba has no types
    """Compile for the types of the annotations; numba would do it anew for each constant that is passed."""
    code, annotations = dispatcher.py_func.__code__, dispatcher.py_func.__annotations__
    dispatcher.compile(tuple(types[annotations[name]] for name in code.co_varnames[: code.co_argcount]))
    dispatcher.disable_compile()


# --- where machine code is kept ----------------------------------------------------------------------------------


def cache_folder(files: Sequence[Path]) -> Path:
    """Where machine code made of these sources on this machine is kept: no other sources, no other compiler."""
    llvm = importlib.import_module("llvmlite.binding")
    compiler = (importlib.import_module("numba").__version__, platform.python_version(), llvm.get_host_cpu_name())
    digest = sha256("\0".join([*compiler, llvm.get_host_cpu_features().flatten()]).encode())
    for file in files:
        digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return cache_base() / digest.hexdigest()[:24]


def cache_base() -> Path:
    """Where all machine code is kept."""
    told = os.environ.get(CACHE_VARIABLE)
    return Path(told) if told else user_cache_path(APPLICATION) / "kernels"


def _enable_cache(numba: ModuleType, dispatcher: Any, folder: Path) -> None:  # noqa: ANN401  numba has no types
    """Have the machine code kept in `folder`; where it cannot be written, it is made anew in each run."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.access(folder, os.W_OK):
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
        try:
            dispatcher.enable_caching()
        finally:
            numba.config.CACHE_DIR = before
