"""The plugin in a running QEMU: every access has its code, and nothing else changes."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.live.firmware import padded, shell
from tests.requirements import needed_file, needed_program
from tests.tracetool.who.captures import recorded
from tracetool.library.trace import open as open_traces
from tracetool.who import build
from tracetool.who.attribution import attribute
from tracetool.who.build import built_plugin
from tracetool.who.log import read_who_log

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.library.trace import Trace

pytestmark = pytest.mark.live

REGION = 64 << 20
ARM_RANGES = "range=virt.flash0:0:4000000,range=virt.flash1:4000000:8000000"
X86_RANGES = "range=system.flash0:ffc84000:100000000,range=system.flash1:ffc00000:ffc84000"


def _boot_aavmf(folder: Path, options: list[str]) -> None:
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    code = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    folder.mkdir(exist_ok=True)
    flash0, flash1 = padded(code, folder / "code.fd", REGION), folder / "flash1.fd"
    with flash1.open("wb") as file:
        file.truncate(REGION)
    machine = ["-M", "virt", "-cpu", "cortex-a57", *options]
    with shell(program, machine, (f"file={flash0},readonly=on", f"file={flash1}"), folder) as prompt:
        prompt.quit()


def _all_lined_up(trace: Trace, log: bytes) -> None:
    found = attribute(trace.chunks(), read_who_log(log))
    assert found.events > 8000
    assert (found.events_over, found.rows_over) == (0, 0)


def _events(folder: Path) -> list[str]:
    """The events without their times."""
    text = (folder / "trace.log").read_text()
    return [re.sub(r"^.*?(?=pflash_)", "", line) for line in text.splitlines()]


def test_a_first_boot_of_aavmf(tmp_path: Path) -> None:
    log = tmp_path / "who.log"
    _boot_aavmf(tmp_path / "with", ["-plugin", f"{built_plugin()},out={log},{ARM_RANGES}"])
    _boot_aavmf(tmp_path / "without", [])
    assert _events(tmp_path / "with") == _events(tmp_path / "without")
    trace = open_traces(tmp_path / "with" / "trace.log")
    _all_lined_up(trace, log.read_bytes())
    table = trace.callers(log=log)
    assert not table["by"].null_count()
    assert not table["chain"].str.contains(r"\?").any(), "every module has a name"
    assert table.filter(table["by"] == "BdsDxe").height > 500
    version = subprocess.run(["dpkg-query", "-W", "qemu-efi-aarch64"], capture_output=True, text=True, check=True)
    if "2022.11-6+deb12u2" in version.stdout:  # of which the chains were checked against the guest's memory
        assert log.read_bytes().splitlines()[:-1] == recorded("who.log.zst").splitlines()[:-1]
    rows = log.read_bytes().count(b"\nA ")
    assert log.stat().st_size < 100 * rows


def test_a_first_boot_of_ovmf_with_smm(tmp_path: Path) -> None:
    program = needed_program("qemu-system-x86_64", "qemu-system-x86")
    code = needed_file("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "ovmf")
    store = tmp_path / "store.fd"
    shutil.copyfile(needed_file("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"), store)
    log = tmp_path / "who.log"
    options = ["-M", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
    options += ["-plugin", f"{built_plugin()},out={log},{X86_RANGES}"]
    with shell(program, options, (f"file={code},readonly=on", f"file={store}"), tmp_path) as prompt:
        prompt.quit()
    trace = open_traces(tmp_path / "trace.log")
    _all_lined_up(trace, log.read_bytes())
    table = trace.callers(log=log, code=code)
    assert not table["by"].null_count()
    assert "?" not in set(table["by"])
    assert table["chain"].str.contains("PiSmmIpl").all()


def test_a_full_disk_does_not_take_the_guest_down(tmp_path: Path) -> None:
    _boot_aavmf(tmp_path / "boot", ["-plugin", f"{built_plugin()},out=/dev/full,{ARM_RANGES}"])
    assert len(_events(tmp_path / "boot")) > 18_000


def test_it_has_no_undefined_behaviour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_program("gcc", "gcc")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-fsanitize=undefined"))
    log = tmp_path / "who.log"
    _boot_aavmf(tmp_path / "boot", ["-plugin", f"{built_plugin()},out={log},{ARM_RANGES}"])
    assert "runtime error" not in (tmp_path / "boot" / "qemu.txt").read_text()
    assert read_who_log(log.read_bytes()).complete
