"""Modules by program counter, and the operations that they asked for, as worked out independently."""

from __future__ import annotations

import csv
import io
from collections import Counter
from uuid import UUID

import pytest

from tests.captures import capture_path
from tests.requirements import needed_file
from tests.tracetool.who.captures import recorded
from tracetool.ingest import open_trace
from tracetool.library.trace import open as open_traces
from tracetool.uefi.firmware_files import find_executables
from tracetool.who.attribution import attribute
from tracetool.who.log import read_who_log
from tracetool.who.modules import Modules, asked_by, joined


def answers(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(recorded(name).decode())))


def chains(prefix: str, firmware: bytes | None) -> dict[int, tuple[int, str]]:
    """Chain and modules of each bus access, by its event."""
    log = read_who_log(recorded(f"{prefix}who.log.zst"))
    rows = attribute(open_trace(str(capture_path(f"aavmf-who/{prefix}trace.log.zst"))).chunks(), log).rows
    modules = Modules(log, firmware)
    lines = dict(rows.select("chain", "line").iter_rows())
    names = {chain: joined([caller.module for caller in modules.chain(chain, line)]) for chain, line in lines.items()}
    return {seq: (chain, names[chain]) for seq, chain in rows.select("seq", "chain").iter_rows()}


def test_every_operation_of_a_first_boot_has_its_modules() -> None:
    """AAVMF's release build has debug paths, so that no firmware image is needed."""
    found = chains("", None)
    expected = answers("by.csv.zst")
    assert len(expected) == 1020
    for row in expected:
        assert found[int(row["first_seq"])] == (int(row["chain"]), row["modules"])


def test_modules_without_a_path_are_found_in_the_firmware() -> None:
    code = needed_file("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "ovmf").read_bytes()
    if not any(image.name == "FvbServicesSmm" for image in find_executables(code)):
        pytest.skip("another build of OVMF than that of the capture")
    found = chains("smm-", code)
    expected = answers("smm-by.csv.zst")
    unlike = [row for row in expected if found[int(row["first_seq"])] != (int(row["chain"]), row["modules"])]
    assert not unlike
    assert len(expected) == 15_895


def test_who_asked_for_the_buffered_programs_of_a_first_boot() -> None:
    trace = open_traces(capture_path("aavmf-who/trace.log.zst"))
    table = trace.callers("op == buffered-program", log=capture_path("aavmf-who/who.log.zst"))
    assert Counter(table["by"]) == {
        "BdsDxe": 187,
        "VariableRuntimeDxe": 15,
        "MonotonicCounterRuntimeDxe": 7,
        "FaultTolerantWriteDxe": 7,
        "VirtNorFlashDxe": 1,
    }
    stray = trace.callers("op == stray", log=capture_path("aavmf-who/who.log.zst"))
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
def test_a_damaged_firmware_image_has_fewer_executables_and_no_error(cut: int) -> None:
    code = bytearray(needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64").read_bytes())
    whole = len(find_executables(bytes(code)))
    for at in range(cut, len(code), 9973):
        code[at] ^= 0xFF
    assert len(find_executables(bytes(code))) < whole
    assert find_executables(bytes(code[:cut])) == []
