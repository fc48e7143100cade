"""The read loop as machine code, kept on disk as an object file.

numba compiles it once. What it gives is kept as an object file, so that later children import neither numba nor
numpy, which would take as long as reading a million events. The file calls the library's functions by name; their
addresses are put in when it is loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite
import llvmlite.binding as llvm

from tracetool.babeltrace import kernel, layout
from tracetool.babeltrace.library import KERNEL, KERNEL_LIBC

if TYPE_CHECKING:
    from types import ModuleType

    from tracetool.babeltrace.library import Library

__all__ = ["Compiled", "is_cached"]

_ENTRY = "tracetool_consume"
_DIGEST_BYTES = hashlib.sha256().digest_size
_PARTS = ("integer", "find_class", "find_word", "time_of", "thread_of", "fields_of", "read_event", "read_message")

# numba's functions give their result through a pointer, and a status that is not 0 if something was raised. An
# exception must not be taken for "go on", which is what 0 means to the library.
_WRAPPER = """
define i32 @ENTRY(i64 %iterator, i64 %state) {
  %result = alloca i32
  %raised = alloca ptr
  %status = call i32 @INNER(ptr %result, ptr %raised, i64 %iterator, i64 %state)
  %value = load i32, ptr %result
  %fine = icmp eq i32 %status, 0
  %code = select i1 %fine, i32 %value, i32 -1
  ret i32 %code
}
"""


def _source(module: ModuleType) -> bytes:
    return Path(str(module.__file__)).read_bytes()


def _file(cache: Path) -> Path:
    """Where the object file of this source, compiler and processor lies."""
    own = b"".join(map(_source, (kernel, layout))) + Path(__file__).read_bytes()
    machine = f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    made = f"{KERNEL | KERNEL_LIBC} llvmlite {llvmlite.__version__} {machine}"
    return cache / f"ctf-{hashlib.sha256(own + made.encode()).hexdigest()[:16]}.o"


def _read(path: Path) -> bytes | None:
    """The object code of a file; None if there is none, or it is not what was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, code = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    """Keep the code for next time, if that can be done; never half of it under its name."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as stream:
            stream.write(hashlib.sha256(code).digest() + code)
        Path(stream.name).replace(path)


def _give_addresses(library: Library) -> None:
    """Tell LLVM where the functions are that the loop calls. It ends the process where one is missing."""
    llvm.add_symbol("strcmp", library.address("strcmp"))
    for name in KERNEL:
        llvm.add_symbol(name, library.address(name))


def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


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
    """Compile: object code with one function, that needs nothing of Python's or numba's."""
    text, inner = _loop()
    module = llvm.parse_assembly(text + _WRAPPER.replace("ENTRY", _ENTRY).replace("INNER", inner))
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != _ENTRY:
            value.linkage = "internal"
    machine = _machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def is_cached(cache: Path) -> bool:
    """Whether the loop need not be compiled."""
    return _read(_file(cache)) is not None


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
        _give_addresses(library)
        path = _file(cache)
        code = _read(path)
        if code is None:
            code = _build()
            _write(path, code)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.address = int(self._engine.get_function_address(_ENTRY))
