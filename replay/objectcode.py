"""Compiled kernels as object files: machine code that is made once and loaded without numba.

numba gives LLVM's text of a function; here it becomes object code of one function with C's calling convention, kept
in a file. Loading that needs llvmlite alone and takes milliseconds, where importing numba and its cache take longer
than replaying a million events.

Knows nothing of the rest of the program: the process that reads CTF traces uses it too.
"""

from __future__ import annotations

import ctypes
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import llvmlite
import llvmlite.binding as llvm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Loaded", "ObjectFile", "callable_of", "emit", "give_addresses"]

_DIGEST_BYTES = sha256().digest_size

# The result of numba's functions comes through a pointer; what they return is 0 unless something was raised, and then
# the wrapper gives -1, which no kernel gives otherwise.
_WRAPPER = """
define i{bits} @{entry}({parameters}) {{
  %result = alloca i{bits}
  %raised = alloca ptr
  %status = call i32 @{inner}(ptr %result, ptr %raised{arguments})
  %value = load i{bits}, ptr %result
  %fine = icmp eq i32 %status, 0
  %code = select i1 %fine, i{bits} %value, i{bits} -1
  ret i{bits} %code
}}
"""


class ObjectFile:
    """Where the machine code made of some sources, by this compiler for this processor, is kept.

    Args:
        folder: the cache.
        name: the beginning of the file's name.
        sources: files that the code is made of.
        facts: whatever else it depends on.
    """

    def __init__(self, folder: Path, name: str, sources: Sequence[Path], facts: str = "") -> None:
        digest = sha256(Path(__file__).read_bytes())
        for source in sources:
            digest.update(b"\0" + source.name.encode() + b"\0" + source.read_bytes())
        target = f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
        digest.update(f"\0{facts}\0{llvmlite.__version__}\0{target}".encode())
        self.path = folder / f"{name}-{digest.hexdigest()[:16]}.o"

    def read(self) -> bytes | None:
        """The code; None if there is none, or it is not what was written."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return None
        digest, code = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        return code if sha256(code).digest() == digest else None

    def write(self, code: bytes) -> None:
        """Keep the code for next time, if that can be done; never half of it under its name."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f"{self.path.name}.", delete=False) as stream:
                stream.write(sha256(code).digest() + code)
            Path(stream.name).replace(self.path)


def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


def emit(text: str, inner: str, entry: str, arguments: int, bits: int = 64) -> bytes:
    """Object code with one function, `entry`, that needs nothing of Python's or numba's.

    Args:
        text: LLVM's text of numba's function and of all that it calls.
        inner: its name there.
        entry: its name in the object code.
        arguments: how many it takes; 64-bit integers all.
        bits: of its result.

    Raises:
        RuntimeError: LLVM cannot compile it.
    """
    wrapper = _WRAPPER.format(
        bits=bits,
        entry=entry,
        inner=inner,
        parameters=", ".join(f"i64 %a{i}" for i in range(arguments)),
        arguments="".join(f", i64 %a{i}" for i in range(arguments)),
    )
    module = llvm.parse_assembly(text + wrapper)
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != entry:
            value.linkage = "internal"
    machine = _machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


class Loaded:
    """A function in machine code; it lives as long as this object.

    Args:
        code: what `emit` gave.
        entry: the function's name.

    Attributes:
        address: where it is.

    Raises:
        RuntimeError: LLVM cannot load it.
    """

    def __init__(self, code: bytes, entry: str) -> None:
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.address = int(self._engine.get_function_address(entry))


def give_addresses(symbols: Mapping[str, int]) -> None:
    """Say where functions are that code calls by name, before it is compiled or loaded: it ends the process else."""
    for name, address in symbols.items():
        llvm.add_symbol(name, address)


def callable_of(loaded: Loaded, arguments: int) -> Callable[..., int]:
    """The function as Python calls it, with so many 64-bit integers; other threads run meanwhile."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * arguments)
    function = kind(loaded.address)
    function.loaded = loaded  # type: ignore[attr-defined]  # keeps the code as long as the function
    return function
