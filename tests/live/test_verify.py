"""`tracetool verify` on real devices: recorded captures, changed ones, other behaviours, every machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.captures import capture_path
from tests.live.guest import program
from tests.live.machines import MACHINES
from tests.patience import PATIENCE_S, wait_until
from tests.requirements import needed_program
from tests.tracetool.cli.program import COMMAND, environment, tracetool
from tracetool.images import write_image
from tracetool.qemu import qtest
from tracetool.qemu.machines import machine_types

if TYPE_CHECKING:
    from collections.abc import Callable

    from replay.geometry import Geometry
    from tests.live.machines import Machine
    from tracetool.qemu.machines import MachineType

pytestmark = pytest.mark.live

PROVED, DIFFERENT, INCONCLUSIVE, INTERRUPTED = 0, 1, 4, 130
FLASH = "virt.flash1"
RECORDED = ["self-check", "image"]
REAL = ["device-events", "device-model", "device-image", "device-contents"]


@dataclass(frozen=True)
class Capture:
    """A recording with its images, the written device, and the QEMU that has such a machine."""

    trace: str
    before: str
    after: str
    device: str = FLASH
    program: str = "qemu-system-aarch64"
    package: str = "qemu-system-arm"


def _firmware(folder: str, **changes: str) -> Capture:
    return Capture(
        f"{folder}/trace.log.zst", f"{folder}/flash1-before.fd.zst", f"{folder}/flash1-after.fd.zst", **changes
    )


def _random(name: str) -> Capture:
    return Capture(*(f"random-accesses/{name}.{part}.zst" for part in ("log", "before.fd", "after.fd")))


FIRST_BOOT = _firmware("aavmf-first-boot")
RECLAIM = _firmware("aavmf-reclaim")
OVMF = _firmware("ovmf-first-boot", device="system.flash1", program="qemu-system-x86_64", package="qemu-system-x86")
SAME_QEMU = [FIRST_BOOT, _firmware("aavmf-shell-padding"), _firmware("aavmf-rfc-v2"), OVMF, RECLAIM]
SAME_QEMU += [_random(name) for name in ("f2a", "pw1p", "pw1o")]


@dataclass(frozen=True)
class Verified:
    """Output of `tracetool verify --format json`, and its exit code."""

    code: int
    document: dict[str, Any]

    def checks(self, device: str) -> dict[str, dict[str, Any]]:
        """Checks of a device, by name."""
        (found,) = [entry for entry in self.document["devices"] if entry["name"] == device]
        return {entry["check"]: entry for entry in found["checks"]}


def verified(*arguments: str | Path) -> Verified:
    ended = tracetool("verify", *arguments, "--format", "json")
    assert ended.err == ""
    return Verified(ended.code, json.loads(ended.out))


def on_capture(capture: Capture, *more: str | Path, trace: Path | None = None) -> Verified:
    qemu = needed_program(capture.program, capture.package)
    before, after = (f"{capture.device}={capture_path(name)}" for name in (capture.before, capture.after))
    path = trace or capture_path(capture.trace)
    return verified(path, "--image", before, "--after", after, "--qemu-binary", qemu, *more)


# --- captures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", SAME_QEMU, ids=lambda capture: capture.trace.removesuffix(".zst"))
def test_a_capture_of_this_behaviour_is_proved(capture: Capture) -> None:
    found = on_capture(capture)
    checks = found.checks(capture.device)
    assert found.code == PROVED, [check["message"] for check in checks.values() if check["standing"] != "proved"]
    assert list(checks) == [*RECORDED, *REAL]
    events = sum(trace["events"] for trace in found.document["traces"])
    assert checks["device-events"]["compared"] > 0.8 * events
    assert checks["device-contents"]["compared"] > 0


@pytest.mark.parametrize(("name", "behaviour"), [("f1a", "direct"), ("f3a", "staged-at-data")])
def test_a_capture_of_another_behaviour_is_said_to_be_that_and_the_model_not_blamed(name: str, behaviour: str) -> None:
    found = on_capture(_random(name))
    assert found.code == INCONCLUSIVE
    for device in (FLASH, "virt.flash0"):
        checks = found.checks(device)
        assert checks["self-check"]["standing"] == "proved"
        assert (checks["device-model"]["standing"], checks["device-contents"]["standing"]) == ("proved", "proved")
        assert checks["device-events"]["standing"] == "unproved"
        assert (
            f"staged-at-count on qemu-system-aarch64 7.2.22, and {behaviour} in the trace".replace(
                "7.2.22", found.document["qemu"]["version"]
            )
            in checks["device-events"]["message"]
        )
    assert found.checks(FLASH)["image"]["standing"] == "proved"
    assert all("behaves as the model predicts" in said for said in found.document["conclusions"])


def test_accesses_beyond_a_short_file_are_not_driven_and_that_is_said() -> None:
    found = on_capture(_firmware("aavmf-rfc-v2"))
    (device,) = [entry for entry in found.document["devices"] if entry["name"] == FLASH]
    assert device["not_compared"] == ["10 accesses beyond its extent: this QEMU's flash has none"]


def test_a_device_that_is_stopped_says_how_far_it_came() -> None:
    found = on_capture(RECLAIM, "--seconds", "1")
    stopped = found.document["qemu"]["stopped_at"]
    (device,) = [entry for entry in found.document["devices"] if entry["name"] == FLASH]
    assert found.code == PROVED
    assert 0 < found.checks(FLASH)["device-events"]["compared"] <= stopped["seq"] + 1 < 1_821_000
    assert f"stopped after event {stopped['seq']}" in device["not_compared"][0]


# --- changed captures --------------------------------------------------------------------------------------------


@cache
def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("event", "number", "old", "new"),
    [
        ("io_read", 100, "value:0x", "value:0x1"),
        ("data_write_block", 3000, "offset:0x", "offset:0x1"),
        ("io_write", 5000, "wcycle:", "wcycle:1"),
    ],
)
def test_one_changed_value_is_found_where_it_stands(
    event: str, number: int, old: str, new: str, unpacked: Callable[[str], Path], tmp_path: Path
) -> None:
    """Model and real device agree on the place, so the trace is wrong."""
    lines = list(_lines(unpacked(FIRST_BOOT.trace)))
    seq = [at for at, line in enumerate(lines) if f"pflash_{event} {FLASH}" in line][number]
    lines[seq] = lines[seq].replace(old, new, 1)
    path = tmp_path / "trace.log"
    path.write_text("".join(lines))
    found = on_capture(FIRST_BOOT, trace=path)
    checks = found.checks(FLASH)
    assert found.code == DIFFERENT
    assert (checks["self-check"]["standing"], checks["device-events"]["standing"]) == ("different", "different")
    assert (checks["self-check"]["place"]["seq"], checks["device-events"]["place"]["seq"]) == (seq, seq)
    assert checks["device-model"]["standing"] == "proved"
    assert "it was altered, or lacks events" in found.document["conclusions"][0]


def test_a_written_value_that_was_changed_everywhere_shows_in_the_image(
    unpacked: Callable[[str], Path], tmp_path: Path
) -> None:
    """The trace is consistent; only the image differs."""
    lines = list(_lines(unpacked("aavmf-shell-padding/trace.log.zst")))
    changed = [line.replace("value:0x400040", "value:0x410041") if "0x100000" in line else line for line in lines]
    places = [at for at, (one, other) in enumerate(zip(lines, changed, strict=True)) if one != other]
    # Only the data cycle and its store: the first is the command.
    text = "".join(changed[at] if at in places[1:3] else line for at, line in enumerate(lines))
    path = tmp_path / "trace.log"
    path.write_text(text)
    found = on_capture(_firmware("aavmf-shell-padding"), trace=path)
    checks = found.checks(FLASH)
    assert found.code == DIFFERENT
    assert [checks[name]["standing"] for name in ("self-check", "device-events", "device-model")] == ["proved"] * 3
    for name in ("image", "device-image"):
        assert (checks[name]["standing"], checks[name]["place"]["offset"]) == ("different", 0x100000)


# --- every machine -----------------------------------------------------------------------------------------------


def _spec(geometry: Geometry) -> str:
    ids = ":".join(f"{number:02x}" for number in geometry.ids)
    bus = f"bank={geometry.bank_width},chip={geometry.chip_width},endian={geometry.endian},ids={ids}"
    return f"size={geometry.size},block={geometry.block},{bus}"


def _recorded(board: Machine, folder: Path) -> list[str | Path]:
    """Record a random program on a machine, and return the options for `verify`."""
    arguments: list[str | Path] = [folder / "trace.log"]
    drives = []
    for flash in board.flashes:
        path, before = folder / f"{flash.name}.fd", folder / f"{flash.name}-before.fd"
        image = np.zeros(flash.geometry.size, np.uint8)
        if not board.blank:
            image[: flash.geometry.block] = np.arange(flash.geometry.block, dtype=np.uint64).astype(np.uint8)
        for target in (path, before):
            write_image(target, image)
        drives.append(f"file={path}" + (",readonly=on" if flash.read_only else ""))
        if not board.blank:
            arguments += ["--image", f"{flash.name}={before}"]
        arguments += ["--after", f"{flash.name}={path}", "--geometry", f"{flash.name}={_spec(flash.geometry)}"]
        arguments += ["--read-only", flash.name] if flash.read_only else []
    with qtest.bus(board.needed(), board.option, drives, folder) as bus:
        for access in program(board, 5, 400):
            if access.unit < 0:
                bus.reset()
                continue
            address = board.driven[access.unit].address + access.offset
            sent = qtest.read(address, access.size)
            bus.do([sent if access.value is None else qtest.write(address, access.size, access.value)])
        bus.quit()
    return arguments


@pytest.mark.parametrize("machine", sorted(set(MACHINES) - {"virt-arm-writable", "verdex-read-only", "q35-widest"}))
def test_a_recording_of_each_machine_is_proved_on_it(machine: str, tmp_path: Path) -> None:
    board = MACHINES[machine]
    arguments = _recorded(board, tmp_path)
    found = verified(*arguments, "--board", _kind(board).board, "--qemu-binary", board.needed())
    reached = [name for flash in board.driven for name in _standings(found, flash.name)]
    assert reached == [(name, "proved") for _ in board.driven for name in REAL]
    for flash in board.driven:
        assert found.checks(flash.name)["device-events"]["compared"] > (0 if flash.read_only else 100)
    assert found.document["qemu"]["accesses"] >= 400
    if len(board.driven) == len(board.flashes) and not board.blank:
        assert found.code == PROVED, found.document


def _standings(found: Verified, device: str) -> list[tuple[str, str]]:
    return [(name, check["standing"]) for name, check in found.checks(device).items() if name in REAL]


def _kind(board: Machine) -> MachineType:
    """Machine type of a machine."""
    architecture = board.program.removeprefix("qemu-system-")
    names = {flash.name for flash in board.flashes}
    return next(
        kind
        for kind in machine_types().values()
        if kind.option == board.option
        and architecture in kind.architectures
        and names <= {slot.device for slot in kind.slots}
    )


# --- how it ends -------------------------------------------------------------------------------------------------


def _qemus(folder: Path) -> list[int]:
    """QEMUs that work in a folder."""
    mark = str(folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if b"qemu-system" in line and mark in line:
            found.append(int(entry.name))
    return found


def test_an_interrupt_leaves_no_qemu_and_no_files(tmp_path: Path) -> None:
    qemu = needed_program("qemu-system-aarch64", "qemu-system-arm")
    arguments = ["verify", str(capture_path(RECLAIM.trace)), "--qemu-binary", qemu]
    settings = environment(TMPDIR=str(tmp_path))
    restored = [*COMMAND[:-1], "import signal; signal.signal(2, signal.default_int_handler); " + COMMAND[-1]]
    with subprocess.Popen(
        [*restored, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings
    ) as running:
        wait_until(lambda: any("-qtest" in _line(pid) for pid in _qemus(tmp_path)), "no QEMU was started")
        os.kill(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, out, err.decode()) == (INTERRUPTED, b"", "tracetool: interrupted\n")
    assert _qemus(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
