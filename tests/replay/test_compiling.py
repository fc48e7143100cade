"""Machine code is made once, kept, and never run where it is not what the sources say."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from replay.compiled import KERNEL
from replay.compiling import Preparation, add_listener, compile_kernel, kernel_file
from replay.objectcode import ObjectFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INNER = """
from __future__ import annotations

FACTOR = {factor}

def scaled(value: int) -> int:
    return FACTOR * value
"""

OUTER = """
from __future__ import annotations

from tiny_inner import scaled

def entry(value: int, more: int) -> int:
    total = 0
    for i in range(value):
        total += scaled(i) + more
    return total
"""


def _prepare() -> Preparation:
    from numba import types  # noqa: PLC0415

    return Preparation({"int": types.int64}, {})


class Kernel:
    """A small kernel of two modules, whose cache is a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.compiled: list[str] = []
        (folder / "tiny_outer.py").write_text(OUTER)
        self.write(3)

    def write(self, factor: int) -> None:
        """Have the inner module say something else."""
        (self.folder / "tiny_inner.py").write_text(INNER.format(factor=factor))
        for name in ("tiny_inner", "tiny_outer"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()

    def load(self) -> Callable[..., int]:
        """Give the compiled entry."""
        return compile_kernel("a tiny kernel", ("tiny_inner", "tiny_outer"), "entry", _prepare)


@pytest.fixture(name="kernel")
def _kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PFLASH_TRACETOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a source that changes twice in a second
    monkeypatch.setattr("replay.compiling._listeners", [])
    kernel = Kernel(tmp_path)
    add_listener(kernel.compiled.append)
    yield kernel
    for name in ("tiny_inner", "tiny_outer"):
        sys.modules.pop(name, None)


def test_a_kernel_is_compiled_once_and_loaded_from_then_on(kernel: Kernel) -> None:
    assert kernel.load()(4, 10) == 3 * 6 + 40
    assert kernel.load()(4, 10) == 3 * 6 + 40
    assert kernel.compiled == ["a tiny kernel"]
    assert [path.suffix for path in kernel.cache.iterdir()] == [".o"]


def test_a_changed_source_is_never_run_from_old_machine_code(kernel: Kernel) -> None:
    """The entry's own file has not changed, and yet what it calls has."""
    assert kernel.load()(3, 0) == 9
    kernel.write(5)
    assert kernel.load()(3, 0) == 15
    kernel.write(3)
    assert kernel.load()(3, 0) == 9
    assert len(kernel.compiled) == 2


def test_damaged_machine_code_is_made_anew(kernel: Kernel) -> None:
    kernel.load()
    (file,) = kernel.cache.iterdir()
    data = file.read_bytes()
    for damaged in (b"", data[:-1], data[:100] + bytes([data[100] ^ 1]) + data[101:]):
        file.write_bytes(damaged)
        assert kernel_file("entry", ("tiny_inner", "tiny_outer")).read() is None
        assert kernel.load()(3, 0) == 9


def test_another_processor_has_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = ObjectFile(tmp_path, "x", [])
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another")
    assert ObjectFile(tmp_path, "x", []).path != mine.path


def test_every_module_that_the_machine_reaches_is_part_of_the_key_of_its_cache() -> None:
    """What a compiled function calls, or has a constant of, must be hashed with it, or old code would run."""
    reached: set[str] = set()
    todo: list[Any] = [importlib.import_module(KERNEL[-1]).run_at]
    while todo:
        function = todo.pop()
        reached.add(function.__module__)
        for name in function.__code__.co_names:
            callee = function.__globals__.get(name)
            if isinstance(callee, FunctionType) and callee.__module__.startswith("replay"):
                todo.append(callee)
    assert reached - {"replay.pointers"} <= set(KERNEL)
    assert {"replay.columns", "replay.state", "replay.behaviour", "replay.backing", "replay.cfi"} <= set(KERNEL)


_FIRST_RUN = """
from replay.compiled import compiled_run
from replay.compiling import add_listener
add_listener(lambda name: print("compiles", name))
compiled_run()
"""


def _first_run(cache: Path, home: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PFLASH_TRACETOOL_CACHE": str(cache), "HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-c", _FIRST_RUN],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.slow
def test_four_first_runs_at_once_end_well_and_the_next_one_compiles_nothing(tmp_path: Path) -> None:
    for run in [_first_run(tmp_path / "cache", tmp_path) for _ in range(4)]:
        out, err = run.communicate(timeout=300)
        assert (run.returncode, err) == (0, "")
        assert out in ("compiles the flash model\n", "")
    assert _first_run(tmp_path / "cache", tmp_path).communicate(timeout=60) == ("", "")


@pytest.mark.slow
def test_a_process_beside_compiles_and_this_one_loads(tmp_path: Path) -> None:
    code = (
        "import sys; from replay.compiled import compile_beside, compiled_run\n"
        "compile_beside('the flash model'); compile_beside('something else'); compile_beside('something else')\n"
        "compiled_run(); print('numba' in sys.modules)\n"
    )
    environment = os.environ | {"PFLASH_TRACETOOL_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True, timeout=300)
    alone = (os.cpu_count() or 1) < 2
    assert (done.stdout, done.stderr) == (f"{alone}\n", "")
    assert len(list((tmp_path / "cache").glob("run_at-*.o"))) == 1


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert _first_run(blocked, tmp_path).communicate(timeout=300) == ("compiles the flash model\n", "")
