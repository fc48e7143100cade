"""Modules by program counter, and the operations that they asked for, as worked out independently."""

from __future__ import annotations

import csv
import io
from collections import Counter
from uuid import UUID

import pytest

from tests.captures import capture_path
from tests.requirements import needed_file
from tests.tracetool.who.captures import callers_of, recorded
from tracetool.library.trace import open as open_traces
from tracetool.uefi.firmware_files import find_executables
from tracetool.who.log import read_who_log
from tracetool.who.modules import Modules, asked_by, joined


def answers(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(recorded(name).decode())))


def chains(prefix: str, firmware: bytes | None) -> dict[int, tuple[int, str]]:
    """Chain and modules of each bus access, by its event."""
    callers = callers_of(f"{prefix}who.log.zst", f"{prefix}trace.log.zst")
    rows, modules = callers.attributed.rows, Modules(callers.log, lambda: firmware)
    lines = dict(rows.select("chain", "line").iter_rows())
    names = {chain: joined([caller.module for caller in modules.chain(chain, line)]) for chain, line in lines.items()}
    return {seq: (chain, names[chain]) for seq, chain in rows.select("seq", "chain").iter_rows()}


@pytest.mark.slow
def test_every_operation_of_a_first_boot_has_its_modules() -> None:
    """AAVMF's release build has debug paths, so that no firmware image is needed."""
    found = chains("", None)
    expected = answers("by.csv.zst")
    assert len(expected) == 1020
    for row in expected:
        assert found[int(row["first_seq"])] == (int(row["chain"]), row["modules"])


@pytest.mark.slow
def test_modules_without_a_path_are_found_in_the_firmware() -> None:
    code = needed_file("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "ovmf").read_bytes()
    if not any(image.name == "FvbServicesSmm" for image in find_executables(code)):
        pytest.skip("another build of OVMF than that of the capture")
    found = chains("smm-", code)
    expected = answers("smm-by.csv.zst")
    unlike = [row for row in expected if found[int(row["first_seq"])] != (int(row["chain"]), row["modules"])]
    assert not unlike
    assert len(expected) == 15_895


@pytest.mark.slow
def test_who_asked_for_the_buffered_programs_of_a_first_boot() -> None:
    trace = open_traces(capture_path("aavmf-who/trace.log.zst"), who_log=capture_path("aavmf-who/who.log.zst"))
    table = trace.operations("op == buffered-program")
    assert Counter(table["by"]) == {
        "BdsDxe": 187,
        "VariableRuntimeDxe": 15,
        "MonotonicCounterRuntimeDxe": 7,
        "FaultTolerantWriteDxe": 7,
        "VirtNorFlashDxe": 1,
    }
    stray = trace.operations("op == stray")
    assert stray["pc"].to_list() == [0x1C444]
    assert stray["chain"][0].startswith("DxeIpl+0x3444 < PeiCore+0x5ea0")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["VirtNorFlashDxe", "VariableRuntimeDxe", "DxeCore", "BdsDxe", "DxeCore"], "BdsDxe"),
        (["VirtNorFlashDxe", "VariableRuntimeDxe", "DxeCore"], "VariableRuntimeDxe"),
        (["VirtNorFlashDxe", "FaultTolerantWriteDxe", "DxeCore"], "FaultTolerantWriteDxe"),
        (["VirtNorFlashDxe", "DxeCore"], "VirtNorFlashDxe"),
        (["FvbServicesSmm", "?", "|", "PiSmmIpl", "MyDriver"], "MyDriver"),
        (["?", "|"], "?"),
        ([], "?"),
    ],
)
def test_the_module_that_asked_is_behind_the_drivers(names: list[str], expected: str) -> None:
    assert asked_by(names) == expected


def test_executables_of_the_installed_firmware() -> None:
    code = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64").read_bytes()
    found = {image.name: image for image in find_executables(code)}
    assert len(found) > 90
    assert found["BdsDxe"].guid == UUID("6d33944a-ec75-4855-a54d-809c75241f6c")
    assert {image.machine for image in found.values()} == {0xAA64}
    entry = found["BdsDxe"].code_at(found["BdsDxe"].entry, 16)
    assert len(entry) == 16


@pytest.mark.parametrize("cut", [0, 0x50, 5000])
@pytest.mark.slow
def test_a_damaged_firmware_image_has_fewer_executables_and_no_error(cut: int) -> None:
    code = bytearray(needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64").read_bytes())
    whole = len(find_executables(bytes(code)))
    for at in range(cut, len(code), 9973):
        code[at] ^= 0xFF
    assert len(find_executables(bytes(code))) < whole
    assert find_executables(bytes(code[:cut])) == []


def test_a_kernels_chain_ends_with_its_thread() -> None:
    """As Linux 6.1 on x86-64 wrote a variable: `__efi_call`, `efi_call_rts`, `process_one_work`, `worker_thread`."""
    kernel = ["ffffffff8108b963", "ffffffff81779b2d", "ffffffff810b8432", "ffffffff810b89d8"]
    others = ["1", "ffffffff81a10e38", "ffffffff81778a91", "1", "42c2f0", "1", "1fef36f0"]
    rows = [
        "V 1 target=x86_64 api=0..1",
        "I fffffffeff2e83c8 fffffffeff2a0000 50000 PE 8664 1000 - /build/FvbServicesRuntimeDxe.dll",
        "I fffffffeff26bc49 fffffffeff260000 20000 PE 8664 1000 - /build/VariableRuntimeDxe.dll",
        f"C 0 {','.join(['fffffffeff2e83c8', 'fffffffeff26bc49', *kernel, *others])}",
        "A 0 w 1 system.flash1 ffc03b82 fffffffeffc03b82 0",
    ]
    modules = Modules(read_who_log("".join(f"{row}\n" for row in rows).encode()))
    callers = modules.chain(0, 5)
    assert [str(caller) for caller in callers] == [
        "FvbServicesRuntimeDxe+0x483c8",
        "VariableRuntimeDxe+0xbc49",
        *(f"kernel+0x{pc}" for pc in kernel),
    ]
    assert asked_by([caller.module for caller in callers]) == "kernel"
