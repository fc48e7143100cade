from __future__ import annotations

import numpy as np
import pytest

from tests.captures import capture_path
from tests.tracetool.uefi.boot.images import AAVMF, OVMF, pending, whole
from tracetool.images import load_image
from tracetool.uefi.boot import FIRMWARES, Firmware, likely_firmwares


@pytest.mark.parametrize(
    ("firmware", "image"),
    [(AAVMF, "aavmf-first-boot/flash1-after.fd.zst"), (OVMF, "ovmf-first-boot/flash1-before.fd.zst")],
    ids=["aavmf", "ovmf"],
)
def test_the_headers_that_it_writes_are_those_of_a_real_store(firmware: Firmware, image: str) -> None:
    assert firmware.headers == load_image(capture_path(image), limit=64 << 20)[:0x64].tobytes()


@pytest.mark.parametrize("firmware", [AAVMF, OVMF], ids=lambda firmware: firmware.name)
def test_the_layout_of_an_image_tells_aavmf_from_ovmf(firmware: Firmware) -> None:
    releases = [found for found in FIRMWARES.values() if found.volume_bytes == firmware.volume_bytes]
    erased = pending(firmware)
    erased[: firmware.store_bytes] = b"\xff" * firmware.store_bytes
    no_working = erased.copy()
    no_working[firmware.working : firmware.spare] = b"\0" * (firmware.spare - firmware.working)
    blank = bytes(firmware.volume_bytes)
    for image in (whole(firmware), whole(firmware) + bytes(1 << 20), erased, no_working, blank):
        assert likely_firmwares(np.frombuffer(image, np.uint8)) == releases


def test_a_blank_flash_is_known_by_its_length() -> None:
    assert {found.name[:5] for found in likely_firmwares(np.zeros(64 << 20, np.uint8))} == {"aavmf"}
    assert likely_firmwares(np.zeros(1 << 20, np.uint8)) == []
