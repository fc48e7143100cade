from __future__ import annotations

import json
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.requirements import needed_program
from tests.tracetool.cli.program import tracetool
from tests.tracetool.logs import log
from tests.tracetool.recording.scene import Scene
from tests.tracetool.uefi.stores import header
from tracetool.errors import InputError, UsageError
from tracetool.recording import firmware as module
from tracetool.recording.boot import drives_of
from tracetool.recording.firmware import firmware_by_files, firmware_by_name, firmware_names
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Ended, Quick

    Booted = Callable[..., Ended]

BRANCH = struct.pack("<I", 0x14000400)
RESET = b"VTF\0" + bytes(16)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for descriptors that stands for the system's, and firmware beside it."""
    folder = tmp_path / "qemu" / "firmware"
    folder.mkdir(parents=True)
    monkeypatch.setattr(module, "_DESCRIPTORS", ())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "code.fd").write_bytes(BRANCH + bytes(508))
    (tmp_path / "vars.fd").write_bytes(bytes(512))
    return folder


def describe(folder: Path, name: str, **changes: Any) -> None:  # noqa: ANN401  whatever the field is
    files = {
        "device": "flash",
        "executable": {"filename": str(folder.parents[1] / "code.fd"), "format": "raw"},
        "nvram-template": {"filename": str(folder.parents[1] / "vars.fd"), "format": "raw"},
    }
    document = {
        "interface-types": ["uefi"],
        "mapping": files,
        "targets": [{"architecture": "aarch64", "machines": ["virt-*"]}],
        "features": ["verbose-static"],
    }
    (folder / name).write_text(json.dumps(document | changes))


def test_a_firmware_is_found_by_its_descriptor(installed: Path) -> None:
    describe(installed, "40-secure.json", features=["secure-boot"])
    describe(installed, "50-x86.json", targets=[{"architecture": "x86_64"}])
    describe(installed, "55-bios.json", **{"interface-types": ["bios"]})
    (installed / "56-hidden.json").touch()
    (installed / "57-broken.json").write_text("[]")
    describe(installed, "60-plain.json")
    found = firmware_by_name("aavmf")
    assert (found.code, found.machine, found.size) == (installed.parents[1] / "code.fd", "virt", 64 << 20)
    assert firmware_by_name("ovmf").machine == "q35"


def test_a_firmware_that_is_not_installed_is_named_with_its_package(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not list(installed.iterdir())
    monkeypatch.setitem(module._data()["aavmf"], "paths", [])  # noqa: SLF001  what is installed here does not count
    with pytest.raises(InputError, match="aavmf is not installed: on Debian: apt-get install -y qemu-efi-aarch64"):
        firmware_by_name("aavmf")


def test_two_files_are_told_by_their_code(installed: Path) -> None:
    folder = installed.parents[1]
    (folder / "x86.fd").write_bytes(bytes(492) + RESET)
    (folder / "none.fd").write_bytes(bytes(3))
    store = str(folder / "vars.fd")
    assert firmware_by_files(str(folder / "code.fd"), store).architecture == "aarch64"
    assert firmware_by_files(str(folder / "x86.fd"), store).program == "qemu-system-x86_64"
    with pytest.raises(UsageError, match="unknown architecture"):
        firmware_by_files(str(folder / "none.fd"), store)
    with pytest.raises(InputError, match="no such file; give the firmware's code"):
        firmware_by_files(str(folder / "code.fd"), str(folder / "other.fd"))


def test_two_files_with_a_descriptor_are_what_that_says(installed: Path) -> None:
    targets = [{"architecture": "x86_64"}]
    describe(installed, "50-secure.json", targets=targets, features=["secure-boot", "requires-smm"])
    folder = installed.parents[1]
    found = firmware_by_files(str(folder / "code.fd"), str(folder / "vars.fd"))
    assert (found.architecture, "smm=on" in found.options) == ("x86_64", True)
    describe(installed, "50-secure.json", targets=[{"architecture": "loongarch64"}])
    with pytest.raises(UsageError, match="is for loongarch64; supported are aarch64, x86_64"):
        firmware_by_files(str(folder / "code.fd"), str(folder / "vars.fd"))


def test_files_shorter_than_their_flash_are_copied_with_zeros_behind(installed: Path, tmp_path: Path) -> None:
    describe(installed, "60-plain.json")
    work = tmp_path / "a,b"
    work.mkdir()
    drives = drives_of(firmware_by_name("aavmf"), work)
    assert [drive.rpartition("=")[2] for drive in drives[1::2]] == [
        f"{tmp_path}/a,,b/{name}.fd" for name in ("code", "vars")
    ]
    assert [(work / name).stat().st_size for name in ("code.fd", "vars.fd")] == [64 << 20] * 2
    assert (work / "code.fd").stat().st_blocks * 512 < 1 << 20
    assert (tmp_path / "vars.fd").stat().st_size == 512


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["seabios"], 2, "seabios: give aavmf or ovmf, or the two files CODE and VARS"),
        (["a", "b", "c"], 2, "a b c: give a name, or the two files CODE and VARS"),
        (["a", "b"], 3, "a: no such file; give the firmware's code and its variable store"),
    ],
)
@pytest.mark.slow
def test_what_is_no_firmware_is_said_in_one_line(arguments: list[str], code: int, words: str) -> None:
    ended = tracetool("audit-firmware", *arguments)
    assert (ended.code, ended.out, ended.err) == (code, b"", f"tracetool: {words}\n")


def test_names_are_completed() -> None:
    assert firmware_names() == ["aavmf", "ovmf"]


# --- boots -------------------------------------------------------------------------------------------------------

COUNTDOWN = "Press \x1b[1mESC\x1b[0m in 5 seconds to skip \x1b[1mstartup.nsh\x1b[0m or any other key to continue."


@pytest.fixture
def booted(installed: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> Booted:
    """Audit the firmware of the fixture on a QEMU that stands for one: what it writes on the serial line decides."""
    folder = installed.parents[1]
    (folder / "scene").mkdir()
    scene = Scene(folder / "scene")

    def run(serial: str, *options: str, **settings: str) -> Ended:
        own = {"FAKE_SERIAL": serial, "FAKE_IMAGE": f"{folder}/runs/vars.fd"}
        for name, value in (scene.settings | own | settings).items():
            monkeypatch.setenv(name, value)
        files = [str(folder / "code.fd"), str(folder / "vars.fd")]
        return quick("audit-firmware", "-o", folder / "runs", "--qemu-binary", scene.command[0], *options, *files)

    (folder / "vars.fd").write_bytes(bytes(512))
    return run


@pytest.mark.parametrize(
    ("serial", "reached"),
    [
        (COUNTDOWN + "\r\n\x1b[1m\x1b[33mShell> \x1b[0m\x1b[37m", "the UEFI shell"),
        ("BdsDxe: No bootable option or device was found.\r\n", "the boot manager"),
    ],
)
@pytest.mark.slow
def test_a_firmware_is_booted_twice_to_where_it_waits(
    serial: str, reached: str, booted: Booted, tmp_path: Path
) -> None:
    ended = booted(serial)
    assert (ended.code, "WITHIN-EXTENT" in ended.text) == (0, True), ended.err
    assert ended.err.count(f": {reached} after") == 2
    runs = [read_run_directory(str(tmp_path / "runs" / name)).run for name in ("boot-0", "boot-1")]
    assert [run.cut for run in runs] == [None, None]
    left, found = runs[0].flash("virt.flash1"), runs[1].flash("virt.flash1")
    assert left is not None
    assert found is not None
    assert left.after is not None
    assert found.before is not None
    assert left.after.sha256 == found.before.sha256


@pytest.mark.slow
def test_a_firmware_that_does_not_get_there_is_not_called_safe(booted: Booted) -> None:
    ended = booted("UEFI firmware", "--seconds", "1")
    assert (ended.code, "INCONCLUSIVE" in ended.text) == (4, True)
    assert "the firmware was stopped after 1 s, before its shell or boot manager" in ended.text


@pytest.mark.slow
@pytest.mark.parametrize("probe", [0, 1])
def test_a_firmware_that_keeps_its_variables_in_memory_is_not_called_safe(
    probe: int, booted: Booted, tmp_path: Path
) -> None:
    """It reaches its shell, and leaves its variable flash alone, or just looks whether it is one."""
    store = log("virt.flash1").reset()
    for _ in range(probe):
        store.write(0, 0x700070).read_status(0).read_array()
    trace = tmp_path / "idle.log"
    trace.write_text(log("virt.flash0", read_only=True).reset().of(store).text)
    (tmp_path / "vars.fd").write_bytes(header() + b"\xff" * 440)
    ended = booted("Shell> ", FAKE_TRACE=str(trace), FAKE_IMAGE="")
    assert (ended.code, "kept its variables in RAM" in " ".join(ended.text.split())) == (4, True), ended.text


def test_runs_are_kept_only_in_an_empty_directory(booted: Booted, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").touch()
    ended = booted("Shell> ")
    assert (ended.code, "is not empty; name another directory with -o" in ended.err) == (2, True)


@pytest.mark.parametrize("contents", [b"#!/bin/sh\n" * 50, bytes(10)])
def test_what_is_no_variable_store_is_refused(contents: bytes, installed: Path) -> None:
    store = installed.parents[1] / "store.fd"
    store.write_bytes(contents)
    with pytest.raises(UsageError, match="is neither a UEFI variable store nor blank"):
        firmware_by_files(str(installed.parents[1] / "code.fd"), str(store))


def test_an_empty_variable_store_is_refused(installed: Path) -> None:
    (installed.parents[1] / "store.fd").touch()
    with pytest.raises(InputError, match=r"store\.fd: the image is empty"):
        firmware_by_files(str(installed.parents[1] / "code.fd"), str(installed.parents[1] / "store.fd"))


def test_firmware_in_disk_images_is_looked_into(installed: Path, tmp_path: Path) -> None:
    """Fedora and RHEL have it so."""
    program = needed_program("qemu-img", "qemu-utils")
    folder = installed.parents[1]
    for name in ("code", "vars"):
        files = [folder / f"{name}.fd", folder / f"{name}.qcow2"]
        subprocess.run([program, "convert", "-f", "raw", "-O", "qcow2", *files], check=True)
    found = firmware_by_files(str(folder / "code.qcow2"), str(folder / "vars.qcow2"))
    assert found.architecture == "aarch64"
    work = tmp_path / "work"
    work.mkdir()
    assert drives_of(found, work)[1] == f"if=pflash,unit=0,format=raw,readonly=on,file={work}/code.fd"
    assert (work / "code.fd").read_bytes()[:4] == BRANCH
    assert {file.stat().st_size for file in work.iterdir()} == {64 << 20}
