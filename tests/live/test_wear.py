"""The wear forecast holds: two recorded boots of AAVMF tell what the third one does."""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tracetool as tt
from tests.live.firmware import padded, shell
from tests.requirements import needed_file, needed_program
from tracetool.uefi.varstore import find_variable_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

REGION = 64 << 20
STORE = "virt.flash1"
RECLAIMED_BELOW, BOOT_ADDS = 0x2800, 72


def boot(folder: Path, code: Path, variables: Path) -> Path:
    """Boot to the shell and end; the trace."""
    folder.mkdir()
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    drives = (f"file={code},readonly=on", f"file={variables}")
    with shell(program, ("-M", "virt", "-cpu", "cortex-a57"), drives, folder) as prompt:
        prompt.quit()
    return folder / "trace.log"


def fill(variables: Path, free_bytes: int) -> None:
    """Append a deleted variable that leaves so much room in the store."""
    image = np.memmap(variables, np.uint8, "r+")
    store = find_variable_store(image)
    assert store is not None
    name = "Filler\0".encode("utf-16-le")
    length = store.free_bytes - free_bytes
    sizes = (len(name), length - 60 - len(name))
    head = struct.pack("<2sBxI28xII16s", b"\xaa\x55", 0x3C, 7, *sizes, bytes(range(16))) + name
    image[store.list_end : store.list_end + length] = 0
    image[store.list_end : store.list_end + len(head)] = np.frombuffer(head, np.uint8)
    image.flush()


@pytest.mark.parametrize("reclaims", [False, True], ids=["room for years", "reclaimed in the third boot"])
def test_two_boots_tell_what_the_third_does(tmp_path: Path, *, reclaims: bool) -> None:
    installed = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    code, variables, before = (
        padded(installed, tmp_path / "code.fd", REGION),
        tmp_path / "vars.fd",
        tmp_path / "before.fd",
    )
    with variables.open("wb") as file:
        file.truncate(REGION)
    if reclaims:
        boot(tmp_path / "format", code, variables)
        fill(variables, RECLAIMED_BELOW + 2 * BOOT_ADDS)
    shutil.copyfile(variables, before)
    traces = [boot(tmp_path / str(number), code, variables) for number in range(3)]

    found = tt.open(*traces[:2], image={STORE: before}).wear()
    assert found.forecast is not None, found.why_not
    third = tt.open(*traces, image={STORE: before}).wear().wear.boots.row(2, named=True)
    forecast = found.forecast
    assert forecast.next_added_bytes == third["added_bytes"] == BOOT_ADDS
    assert forecast.next_free_bytes == third["free_bytes"]
    assert forecast.next_reclaims == bool(third["reclaims"]) == reclaims
    left = find_variable_store(np.memmap(variables, np.uint8, "r"))
    assert left is not None
    assert left.free_bytes == forecast.next_free_bytes
