"""Firmware from boot to shell under trace: the audit's verdict, and the image as QEMU left it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.images import difference
from tests.live.firmware import padded, shell
from tests.requirements import needed_file, needed_program
from tests.tracetool.cli.program import tracetool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.firmware import Shell

pytestmark = pytest.mark.live

REGION = 64 << 20
VARIABLES = "virt.flash1"
EXTENT = 768 << 10
PADDING = 0x04100000
"""Where the second flash's byte 0x100000 stands: far beyond what the firmware uses."""
OVMF_VARIABLES = "system.flash1"


VENDOR = "6f1d0d1c-9a1d-4c57-8f5c-2b8f5a3c9e10"
"""Any but the specification's own: of those the firmware takes only the names it knows."""


def _set_and_delete(prompt: Shell) -> None:
    """Set a variable, change it and delete it."""
    variable = f"setvar Proof -guid {VENDOR}"
    prompt.run(f"{variable} -nv -bs =0x11223344")
    assert "44 33 22 11" in prompt.run(variable)
    prompt.run(f"{variable} -nv -bs ={'a5' * 40}")
    prompt.run(f"{variable} -nv -bs =")
    assert "Unable to get" in prompt.run(variable)


@dataclass(frozen=True)
class _Audit:
    """Result of `tracetool audit` for one device, and its exit code."""

    device: dict[str, Any]
    findings: list[dict[str, Any]]
    code: int

    def offsets(self, rule: str) -> list[int]:
        """Offsets of the findings of a rule."""
        return [found["offset"] for found in self.findings if found["rule"] == rule]


def _judged(folder: Path, device: str, before: Path, after: Path) -> _Audit:
    """Audit the trace, and compare the image that QEMU left with the one that `tracetool replay` writes."""
    trace, replayed = folder / "trace.log", folder / "replayed.fd"
    ended = tracetool("replay", trace, "--image", f"{device}={before}", "--write-image", f"{device}={replayed}")
    assert ended.code == 0, ended.err
    assert difference(replayed, after) == ""
    ended = tracetool("audit", trace, "--format", "json", "--image", f"{device}={before}")
    document = json.loads(ended.out)
    found = next(entry for entry in document["devices"] if entry["name"] == device)
    return _Audit(found, [entry for entry in document["findings"] if entry["device"] == device], ended.code)


def _aavmf(folder: Path, *, into_padding: bool) -> _Audit:
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    code = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    flash0 = padded(code, folder / "code.fd", REGION)
    before, after = folder / "before.fd", folder / "after.fd"
    for path in (before, after):
        with path.open("wb") as file:
            file.truncate(REGION)
    machine = ("-M", "virt", "-cpu", "cortex-a57")
    with shell(program, machine, (f"file={flash0},readonly=on", f"file={after}"), folder) as prompt:
        _set_and_delete(prompt)
        if into_padding:
            prompt.run(f"mm {PADDING:#x} 0x00400040 -w 4 -n")
            prompt.run(f"mm {PADDING:#x} 0x00ff00ff -w 4 -n")
        prompt.quit()
    return _judged(folder, VARIABLES, before, after)


def test_aavmf_stays_within_its_extent(tmp_path: Path) -> None:
    audit = _aavmf(tmp_path, into_padding=False)
    assert (audit.device["verdict"], audit.device["extent_bytes"]) == ("within-extent", EXTENT)
    assert audit.device["totals"]["erases"] > 0
    assert audit.code == 0


def test_a_store_into_the_padding_is_found(tmp_path: Path) -> None:
    audit = _aavmf(tmp_path, into_padding=True)
    assert (audit.device["verdict"], audit.device["extent_bytes"]) == ("outside-extent", EXTENT)
    assert audit.offsets("EXT001") == [PADDING - REGION]
    assert audit.code == 1


def test_ovmf_replays_to_the_image_it_leaves(tmp_path: Path) -> None:
    program = needed_program("qemu-system-x86_64", "qemu-system-x86")
    code = needed_file("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    variables = needed_file("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf")
    after = tmp_path / "after.fd"
    shutil.copyfile(variables, after)
    with shell(program, ("-M", "q35"), (f"file={code},readonly=on", f"file={after}"), tmp_path) as prompt:
        _set_and_delete(prompt)
        prompt.quit()
    audit = _judged(tmp_path, OVMF_VARIABLES, variables, after)
    assert audit.device["totals"]["bytes_programmed"] > 0
    assert audit.device["verdict"] == "within-extent"
    assert audit.code == 0
