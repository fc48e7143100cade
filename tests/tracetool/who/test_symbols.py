from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.requirements import needed_program
from tracetool.errors import InputError
from tracetool.timeline.code import modules_in
from tracetool.who.log import read_who_log
from tracetool.who.modules import Modules
from tracetool.who.symbols import Symbols

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = """
volatile int flash;
__attribute__((noinline)) int store(int value) {
    flash = value;
    return value + 1;
}
__attribute__((noinline)) int update(int value) {
    int found = store(value);
    return found * 3;
}
int _start(void) { return update(4) + 1; }
"""
BASE = 0x7F000000


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build tree with two modules of one name, as edk2 links them: at 0x240, with symbols and lines."""
    compiler = needed_program("gcc", "gcc")
    folder = tmp_path_factory.mktemp("Build")
    for place, source in (("Other", SOURCE.replace("* 3", "* 7")), ("Right", SOURCE)):
        made = folder / place / "DEBUG"
        made.mkdir(parents=True)
        (folder / place / "Driver.c").write_text(source)
        flags = ["-O1", "-g", "-ffreestanding", "-nostdlib", "-fno-pie", "-no-pie", "-Wl,--build-id=none,-Ttext=0x240"]
        subprocess.run([compiler, *flags, "Driver.c", "-o", made / "FlashDxe.dll"], check=True, cwd=folder / place)
    (folder / "FlashDxe.debug").write_bytes(b"\x7fELF, but cut")
    return folder


@pytest.fixture
def functions(build: Path) -> dict[str, int]:
    """Addresses of the functions, by another program."""
    said = subprocess.run(["nm", build / "Right/DEBUG/FlashDxe.dll"], capture_output=True, text=True, check=True).stdout
    return {name: int(address, 16) for address, name in re.findall(r"^([0-9a-f]+) T (\w+)$", said, re.MULTILINE)}


def code_at(build: Path, address: int) -> str:
    """32 bytes of the linked program at an address, in hex."""
    binary = build / "text.bin"
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", build / "Right/DEBUG/FlashDxe.dll", binary], check=True)
    text = binary.read_bytes()
    return text[address - 0x240 : address - 0x240 + 32].hex()


def log_of(build: Path, functions: dict[str, int], path: str) -> bytes:
    pcs = [BASE + functions["store"], BASE + functions["update"] + 1, BASE + functions["_start"]]
    code = code_at(build, functions["store"])
    rows = [
        "V 1 target=x86_64 api=0..1",
        f"I {pcs[0]:x} {BASE:x} 2000 PE 8664 240 {code} {path}",
        f"C 0 {','.join(f'{pc:x}' for pc in pcs)}",
        "A 0 w 4 virt.flash1 4000000 4000000 0",
        "S accesses=1 chains=1 lost=0",
    ]
    return "".join(f"{row}\n" for row in rows).encode()


def test_functions_and_lines_are_told(build: Path, functions: dict[str, int]) -> None:
    symbols = Symbols(build)
    modules = Modules(read_who_log(log_of(build, functions, "/build/Right/DEBUG/FlashDxe.dll")), symbols=symbols)
    callers = [str(caller) for caller in modules.chain(0, 4)]
    assert [re.sub(r"0x[0-9a-f]+", "0x", caller) for caller in callers] == [
        "FlashDxe+0x (store Driver.c:4)",
        "FlashDxe+0x (update Driver.c:8)",
        "FlashDxe+0x (_start Driver.c:11)",
    ]
    assert symbols.doubts == []


def test_a_file_of_another_build_is_not_used_and_told(build: Path, functions: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "FlashDxe.debug").write_bytes((build / "FlashDxe.debug").read_bytes())
    data = bytearray((build / "Right/DEBUG/FlashDxe.dll").read_bytes())
    code = bytes.fromhex(code_at(build, functions["store"]))
    at = data.index(code)
    data[at] ^= 1
    (tmp_path / "FlashDxe.dll").write_bytes(data)
    symbols = Symbols(tmp_path)
    modules = Modules(read_who_log(log_of(build, functions, "Right/FlashDxe.dll")), symbols=symbols)
    assert all("(" not in str(caller) for caller in modules.chain(0, 4))
    (doubt,) = symbols.doubts
    assert doubt.startswith("2 ELF files cannot be read, or are of another build than what ran, as ")


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("damage", [bytes, lambda rest: bytes(len(rest)), lambda rest: b"\xff" * len(rest)])
def test_damaged_files_tell_less(
    cut: float, damage: Callable[[bytes], bytes], build: Path, functions: dict[str, int], tmp_path: Path
) -> None:
    data = (build / "Right/DEBUG/FlashDxe.dll").read_bytes()
    at = int(cut * len(data))
    (tmp_path / "FlashDxe.dll").write_bytes(data[:at] + damage(data[at:]))
    modules = Modules(read_who_log(log_of(build, functions, "Right/FlashDxe.dll")), symbols=Symbols(tmp_path))
    assert [caller.module for caller in modules.chain(0, 4)] == ["FlashDxe"] * 3


def test_modules_are_found_in_a_chain_with_functions() -> None:
    chain = "FlashDxe+0x10 (store Driver.c:3) < BdsDxe+0x8 < | < ?"
    assert pl.select(modules_in(pl.lit(chain)))["literal"].to_list() == [["FlashDxe", "BdsDxe", "|", "?"]]


def test_what_is_no_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no directory; give that of the build"):
        Symbols(tmp_path / "nothing")
