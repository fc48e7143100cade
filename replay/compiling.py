"""Kernels compiled by numba: the same functions, copied, with machine code that is kept between runs.

A kernel is a set of modules written in the part of Python that numba compiles. `compile_kernel` copies their
functions so that the copies call each other and not the plain ones, and compiles what is reached from the entry.
The modules stay as they are: whoever calls them runs plain Python. What comes out is an object file (see
`objectcode`), named after a hash of all the sources, in the user's cache directory; where it is there already, numba
is not imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

__all__ = [
    "Preparation",
    "add_listener",
    "announce",
    "cache_base",
    "compile_kernel",
    "dispatcher_of",
    "have_numba",
    "kernel_file",
]

APPLICATION = "pflash-tracetool"
CACHE_VARIABLE = "PFLASH_TRACETOOL_CACHE"
_NOWHERE = Path(os.devnull) / "kernels"

_OPTIONS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
"""numba's options: nothing that is compiled is called by way of Python objects."""

_listeners: list[Callable[[str], None]] = []


class Preparation(NamedTuple):
    """What is needed to compile a kernel, and not to load it.

    `types` has numba's type for each annotation of an argument, as it is written; `replacements` compiled functions
    and intrinsics that are called in place of some of the plain ones, which are given as functions to be compiled.
    """

    types: Mapping[str, Any]
    replacements: Mapping[Any, Any]


def add_listener(listener: Callable[[str], None]) -> None:
    """Have `listener` called with the name of a kernel that is about to be compiled, which takes some seconds."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(name: str) -> None:
    """Tell the listeners that a kernel is about to be compiled."""
    for listener in _listeners:
        listener(name)


def have_numba() -> bool:
    """Whether numba is installed, and so whether kernels can be compiled. Does not import it."""
    return "numba" in sys.modules or find_spec("numba") is not None


def cache_base() -> Path:
    """Where all machine code is kept: nowhere for a user without a home, as others may write to what all share."""
    told = os.environ.get(CACHE_VARIABLE)
    try:
        return Path(told) if told else user_cache_path(APPLICATION) / "kernels"
    except RuntimeError:
        return _NOWHERE


def compile_kernel(
    name: str, modules: Sequence[str], entry: str, prepare: Callable[[], Preparation]
) -> Callable[..., int]:
    """The function `entry` of the last of `modules` with all that it calls in any of them, as machine code.

    All its arguments, and its result, are 64-bit integers; -1 means that something was raised.

    Args:
        name: what the kernel is called when its compilation is announced.
        modules: names of all modules whose functions or constants are reached.
        entry: name of a function of the last one.
        prepare: called where it has to be compiled; numba can be imported then.

    Raises:
        ImportError: it has to be compiled, and there is no numba.
    """
    from replay.objectcode import Loaded, callable_of  # noqa: PLC0415  with llvmlite, which short traces do not need

    loaded = [importlib.import_module(module) for module in modules]
    function = getattr(loaded[-1], entry)
    count = function.__code__.co_argcount
    file = kernel_file(entry, modules)
    code = file.read()
    if code is None:
        announce(name)
        code = _build(loaded, function, prepare())
        file.write(code)
    return callable_of(Loaded(code, entry), count)


def kernel_file(entry: str, modules: Sequence[str]) -> Any:  # noqa: ANN401  an ObjectFile, whose module is heavy
    """Where the machine code of a kernel is kept."""
    from replay.objectcode import ObjectFile  # noqa: PLC0415

    files = [Path(str(importlib.import_module(module).__file__)) for module in modules]
    return ObjectFile(cache_base(), entry, [Path(__file__), *files])


def _build(modules: Sequence[ModuleType], entry: FunctionType, preparation: Preparation) -> bytes:
    from replay.objectcode import emit  # noqa: PLC0415

    compiled = dispatcher_of(modules, entry, preparation)
    (signature,) = compiled.signatures
    inner = compiled.overloads[signature].fndesc.llvm_func_name
    return emit(compiled.inspect_llvm(signature), inner, entry.__name__, entry.__code__.co_argcount)


def dispatcher_of(modules: Sequence[ModuleType], entry: FunctionType, preparation: Preparation) -> Any:  # noqa: ANN401
    """Compile the entry, and before it all that it calls; numba's dispatcher of it, which only compiled code can call.

    Raises:
        ImportError: there is no numba.
    """
    # numba's own passes over each function would be done twice: `emit` optimises the whole.
    os.environ.setdefault("NUMBA_OPT", "0")
    numba = importlib.import_module("numba")
    jitted: dict[Any, Any] = {}
    for module in modules:
        jitted |= {plain: numba.njit(**_OPTIONS)(copy) for plain, copy in _copies(module).items()}
    for plain, other in preparation.replacements.items():
        if isinstance(other, FunctionType):
            jitted[plain] = jitted.get(other) or numba.njit(**_OPTIONS)(other)
        else:
            jitted[plain] = other
    for dispatcher in jitted.values():
        _redirect(getattr(dispatcher, "py_func", None), jitted)
    compiled = jitted[entry]
    for dispatcher in (*_callees(compiled, set()), compiled):
        _compile(dispatcher, preparation.types)
    return compiled


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
