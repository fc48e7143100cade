"""The installed firmware does with the recorded images what the model of its next boot says."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.captures import capture_path
from tests.requirements import lacking, needed_file, needed_program
from tracetool.images import load_image
from tracetool.recording.firmware import firmware_by_name
from tracetool.recording.firmware_trial import boot_image
from tracetool.uefi.boot import FIRMWARES, Outcome, boot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

ENDING_S = 180
"""Far more than a boot takes that comes to an end."""
HANGING_S = 15
NEEDED = {
    "aavmf": ("qemu-system-aarch64", "qemu-system-arm", "/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64"),
    "ovmf": ("qemu-system-x86_64", "qemu-system-x86", "/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"),
}
"""Emulator and firmware, each with its Debian package."""


def _model(name: str) -> str:
    """The name of the installed firmware among those that are modelled."""
    program, package, code, firmware_package = NEEDED[name]
    needed_program(program, package)
    needed_file(code, firmware_package)
    query = ["dpkg-query", "-W", "-f", "${Version}", firmware_package]
    version = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    model = f"{name}-{version[:7]}"
    if model not in FIRMWARES:
        lacking(f"{firmware_package} {version}: no model of this release")
    return model


@pytest.mark.parametrize(
    ("image", "name", "outcome", "seconds"),
    [
        ("fb-conin-both", "aavmf", Outcome.KEPT, ENDING_S),
        ("fb-late-erase", "aavmf", Outcome.REFORMATTED, ENDING_S),
        ("fb-fmt-hdr-w23", "aavmf", Outcome.HUNG, HANGING_S),
        ("rc-target-k300", "aavmf", Outcome.RECOVERED, ENDING_S),
        ("z-or-block0", "ovmf", Outcome.IGNORED, ENDING_S),
    ],
)
def test_a_boot_goes_as_predicted(image: str, name: str, outcome: Outcome, seconds: float, tmp_path: Path) -> None:
    contents = load_image(capture_path(f"powercut/{image}.fd.zst"), limit=64 << 20).tobytes()
    model = FIRMWARES[_model(name)]
    predicted = boot(contents, model)
    assert predicted.outcome is outcome
    trial = boot_image(firmware_by_name(name), model, contents, tmp_path, seconds)
    assert trial.differences(predicted) == []
    assert (trial.outcome, trial.for_good) == (outcome, predicted.for_good)
