"""Random programs on live CFI02 flashes: QEMU's answers, log and image are those of the model."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.captures import capture_path
from tests.cfi02 import recorded
from tests.live.cfi02_differential import prove, record
from tests.live.cfi02_firmware import loader_options
from tests.live.cfi02_guest import program
from tests.live.cfi02_machines import MACHINES
from tracetool.compression import zstd
from tracetool.images import load_image, write_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cfi02 import Run
    from tests.live.cfi02_machines import Cfi02Machine
    from tests.tracetool.cli.program import Ended, Quick

pytestmark = pytest.mark.live

LENGTH = 6000
SEEDS = 5
VERIFIED = 1
TIMERS = 5
PATIENCE_S = ("3", "10", "60")
"""Time for a guest that ends its work at once; a crowded machine needs more to start it."""
DIFFERENT, UNUSABLE = 1, 2


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", MACHINES)
def test_the_model_does_what_the_flash_does(
    name: str, seed: int, record_property: Callable[[str, object], None]
) -> None:
    machine = MACHINES[name]
    machine.needed()
    outcome = prove(machine, seed, LENGTH)
    assert outcome.timers > 0
    assert outcome.resets > 1
    record_property("accesses", outcome.accesses)
    record_property("machine", name)
    record_property("seed", seed)


@pytest.mark.parametrize("name", ["zynq", "musicpal-boot-sectors", "r2d", "r2d-big-endian", "canon-a1100-read-only"])
def test_a_trace_with_erases_is_proved_on_the_real_device(name: str, tmp_path: Path, quick: Quick) -> None:
    machine = MACHINES[name]
    machine.needed()
    outcome = record(machine, program(machine, VERIFIED, 2000), VERIFIED, tmp_path)
    assert not outcome.differences
    assert outcome.timers > TIMERS
    options = ["--read-only", machine.device] * machine.read_only
    images = (f"{tmp_path}/{file}.fd" for file in ("before", "flash"))
    ended = _verified(quick, machine, f"{tmp_path}/trace.log", *images, *options)
    assert ended.code == 0, ended.text
    assert ended.text.startswith("PROVED")


@pytest.mark.parametrize("name", ["zynq-u-boot", "tour", "tour-5.2"])
def test_a_recorded_run_is_proved_on_the_real_device(name: str, quick: Quick) -> None:
    run = recorded(name)
    machine = MACHINES["zynq" if name == "zynq-u-boot" else "musicpal-boot-sectors"]
    images = (str(capture_path(f"cfi02/{name}.{moment}.fd.zst")) for moment in ("before", "after"))
    ended = _verified(quick, machine, str(run.log), *images, "--board", machine.kind.board, named=not run.quiet)
    assert ended.code == 0, ended.text
    assert ("3 reads that an erase overtook" in ended.text) == (name == "zynq-u-boot")


def test_a_wrong_number_of_erased_sectors_is_found_on_the_real_device(tmp_path: Path, quick: Quick) -> None:
    run = recorded("tour")
    changed = tmp_path / "trace.log"
    changed.write_text(re.sub(r"(erase_timeout .*erasing )\d+", r"\g<1>77", _text(run)))
    images = (str(capture_path(f"cfi02/tour.{moment}.fd.zst")) for moment in ("before", "after"))
    ended = _verified(quick, MACHINES["musicpal-boot-sectors"], str(changed), *images)
    assert ended.code == DIFFERENT, ended.text
    assert "trace and real device differ at event" in ended.text


def test_a_trace_without_the_timer_is_not_driven_and_says_why(tmp_path: Path, quick: Quick) -> None:
    run, machine = recorded("tour"), MACHINES["musicpal-boot-sectors"]
    kept = [line for line in _text(run).splitlines(keepends=True) if "timer_expired" not in line]
    (tmp_path / "trace.log").write_text("".join(kept))
    ended = quick("verify", f"{tmp_path}/trace.log", "--qemu-binary", machine.needed())
    assert ended.code == UNUSABLE
    assert "record pflash_timer_expired, too" in ended.err


@pytest.mark.parametrize("name", ["zynq", "musicpal", "r2d", "r2d-big-endian", "canon-a1100-read-only"])
def test_a_guest_of_each_board_is_recorded_and_proved(name: str, tmp_path: Path, quick: Quick) -> None:
    machine = replace(MACHINES[name], read_only=False)
    width, image, run = machine.geometry.bank_width, tmp_path / "flash.fd", tmp_path / "run"
    write_image(image, np.full(machine.geometry.size, 0xFF, np.uint8))
    commands = [(0x555, 0xAA), (0x2AA, 0x55), (0x555, 0xA0), (0x80, 0x5A)]
    guest = loader_options(machine, [(address * width, value) for address, value in commands])
    qemu = [machine.needed(), "-M", machine.option, "-display", "none", *machine.options(image), *guest]
    for seconds in PATIENCE_S:
        ended = quick("record", "--seconds", seconds, "-o", run, "--", *qemu)
        if "4 command writes" in ended.text or "1 single" in ended.text:
            break
        shutil.rmtree(run, ignore_errors=True)
    assert ended.code == 0, ended.text + ended.err
    word = load_image(run / "after" / f"{machine.device}.fd", limit=machine.geometry.size)[0x80 * width :][:width]
    assert int.from_bytes(bytes(word), "little") == 0x5A
    ended = quick("verify", run, "--qemu-binary", machine.needed())
    assert ended.code == 0, ended.text + ended.err


def _text(run: Run) -> str:
    with zstd.open(run.log, "rt") as log:
        return log.read()


def _verified(
    quick: Quick, machine: Cfi02Machine, log: str, before: str, after: str, *options: str, named: bool = True
) -> Ended:
    """The end of `verify` with the images before and after, on the QEMU of the machine."""
    device = machine.device if named else "pflash"
    layout = ",".join(f"{count}x{size}" for count, size in machine.geometry.layout)
    sectors = ["--geometry", f"{device}=sectors={layout}"] if layout else []
    images = [f"--image={device}={before}", f"--after={device}={after}"]
    return quick("verify", log, *images, *sectors, *options, "--qemu-binary", machine.needed())
