"""The read loop as machine code, kept on disk as an object file (see `replay.objectcode`).

numba compiles it once; later children import neither numba nor numpy, which would take as long as reading a million
events. The file calls the library's functions by name; their addresses are put in when it is loaded.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.objectcode import Loaded, ObjectFile, emit, give_addresses
from tracetool.babeltrace import kernel, layout
from tracetool.babeltrace.library import KERNEL, KERNEL_LIBC

if TYPE_CHECKING:
    from tracetool.babeltrace.library import Library

__all__ = ["Compiled", "is_cached"]

_ENTRY = "tracetool_consume"
_PARTS = ("integer", "find_class", "find_word", "time_of", "from_context", "fields_of", "read_event", "read_message")


def _file(cache: Path) -> ObjectFile:
    """Where the object file of this source is kept."""
    sources = [Path(str(module.__file__)) for module in (kernel, layout)]
    return ObjectFile(cache, "ctf", [*sources, Path(__file__)], str(KERNEL | KERNEL_LIBC))


def _pointer() -> Any:  # noqa: ANN401
    """A compiled function from an address to the words there."""
    from llvmlite import ir  # noqa: PLC0415
    from numba import types  # noqa: PLC0415
    from numba.extending import intrinsic  # noqa: PLC0415

    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typing: Any, address: Any) -> Any:  # noqa: ANN401, ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
            return builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())

        return types.CPointer(types.int64)(types.int64), generate

    return pointer


def _loop() -> tuple[str, str]:
    """The loop in LLVM's language, and the name of its function, by numba."""
    from numba import njit, types  # noqa: PLC0415

    letters = {"q": types.int64, "i": types.int32, "v": types.void}
    spec = importlib.util.spec_from_file_location("tracetool_babeltrace_compiled", kernel.__file__)
    if spec is None or spec.loader is None:
        raise ImportError(f"{kernel.__file__} cannot be loaded")
    copy: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    for name, shape in (KERNEL | KERNEL_LIBC).items():
        result, *arguments = (letters[letter] for letter in shape)
        signature = result(*arguments)
        setattr(copy, name, types.ExternalFunction(name, signature))
    pointer = _pointer()
    compiled = njit(error_model="numpy")
    copy.load = compiled(lambda address: pointer(address)[0])
    copy.slot_of = compiled(copy.slot_of)
    for name in _PARTS:
        setattr(copy, name, compiled(getattr(copy, name)))
    consume, block = compiled(copy.consume), layout.BLOCK

    def entry(iterator: Any, address: Any) -> Any:  # noqa: ANN401
        state = pointer(address)
        return consume(iterator, state, pointer(state[block]))

    function: Any = njit("int32(int64, int64)", error_model="numpy")(entry)
    signature = function.signatures[0]
    return function.inspect_llvm(signature), function.overloads[signature].fndesc.llvm_func_name


def _build() -> bytes:
    return emit(*_loop(), _ENTRY, arguments=2, bits=32)


def is_cached(cache: Path) -> bool:
    """Whether the loop need not be compiled."""
    return _file(cache).read() is not None


class Compiled:
    """The loop in machine code. It lives as long as this object.

    Args:
        library: what it calls.
        cache: the folder it is kept in.

    Attributes:
        address: of the function, as `bt_graph_add_simple_sink_component` wants it; its user data is the state.

    Raises:
        ImportError: it must be compiled, and numba is missing.
        RuntimeError: LLVM cannot compile or load it.
    """

    def __init__(self, library: Library, cache: Path) -> None:
        give_addresses({name: library.address(name) for name in (*KERNEL, *KERNEL_LIBC)})
        file = _file(cache)
        code = file.read()
        if code is None:
            code = _build()
            file.write(code)
        self._loaded = Loaded(code, _ENTRY)
        self.address = self._loaded.address
