"""Failures that users of edk2 reported publicly, found again in a trace: the table in docs/powercut.md names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from tests.tracetool.logs import Log, log, programmed
from tests.tracetool.traces import reader
from tests.tracetool.uefi.boot.images import AAVMF, AAVMF_2025, OVMF, OVMF_SMM, pending, queued, variable, whole
from tracetool.analysis.cut_costs import Cut, Sweep, cut_at
from tracetool.analysis.options import Options
from tracetool.analysis.power_cuts import StoreCommits, store_commits
from tracetool.analysis.session import replay_readers
from tracetool.analysis.tolls import Toll
from tracetool.images import write_image
from tracetool.uefi.boot import Firmware, Outcome, Rule, boot

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = {AAVMF: "virt.flash1", AAVMF_2025: "virt.flash1", OVMF: "system.flash1", OVMF_SMM: "system.flash1"}
RECORD = {AAVMF: 0x40048, AAVMF_2025: 0x40048, OVMF: 0x41048, OVMF_SMM: 0x41048}
"""Flags of the first record of the queue."""


class Found(NamedTuple):
    """A cut of a trace, and the rules of the next boot."""

    cut: Cut
    rules: tuple[Rule, ...]


class Planted:
    """A trace made by hand over a volume, and what power cuts in it cost with a firmware."""

    def __init__(self, folder: Path, before: bytearray, trace: Log, firmware: Firmware) -> None:
        image = folder / "before.fd"
        ovmf = firmware in (OVMF, OVMF_SMM)
        flash = firmware.volume_bytes if ovmf else 64 << 20
        write_image(image, np.frombuffer(bytes(before).ljust(flash, b"\0"), np.uint8))
        text = trace.text.replace("bytes:0x40000", "bytes:0x1000") if ovmf else trace.text
        options = Options({DEVICES[firmware]: image}, journal=True)
        self.commits: StoreCommits = store_commits(replay_readers([reader(text)], options))
        self.firmware = firmware

    def costing(self, toll: Toll | None) -> list[Found]:
        """The cuts that cost this."""
        cuts = [cut for cut in Sweep(self.commits, self.firmware) if cut.cost.toll is toll]
        return [Found(cut, self._rules(cut)) for cut in cuts]

    def tolls(self) -> set[Toll | None]:
        """What cuts cost."""
        return {cut.cost.toll for cut in Sweep(self.commits, self.firmware)}

    def _rules(self, cut: Cut) -> tuple[Rule, ...]:
        contents, _ = cut_at(self.commits, self.firmware, (cut.commit.trace, cut.commit.seq), cut.shape)
        return boot(contents, self.firmware).rules


def begun(firmware: Firmware) -> Log:
    return log(DEVICES[firmware]).reset()


def byte(trace: Log, offset: int, value: int) -> Log:
    """A byte programmed, as OVMF does."""
    return trace.write(offset, 0x10, size=1).write(offset, value, wcycle=1, size=1)


def one_variable(firmware: Firmware) -> bytearray:
    """A sound volume with a variable alone."""
    image = whole(firmware)
    only = variable("Only", b"kept data")
    image[len(firmware.headers) : firmware.store_bytes] = only.ljust(
        firmware.store_bytes - len(firmware.headers), b"\xff"
    )
    return image


def test_a_reclaim_that_is_cut_after_the_erase_of_its_target_is_not_recovered(tmp_path: Path) -> None:
    """edk2 11118: the headers are looked at before the spare, and their store is formatted with the spare."""
    trace = begun(AAVMF).program(RECORD[AAVMF], 0xFFFFFFFD).erase(0)
    planted = Planted(tmp_path, pending(AAVMF, record=0xFF), trace, AAVMF)
    erases = [found for found in planted.costing(Toll.ALL) if found.cut.shape == "after"]
    assert [found.cut.commit.offset for found in erases] == [0]
    assert len(erases[0].cut.cost.names) == 17
    assert Rule.F1 in erases[0].rules
    assert erases[0].cut.outcome is Outcome.REFORMATTED


def test_a_reclaim_that_is_cut_before_the_erase_of_its_target_is_recovered(tmp_path: Path) -> None:
    trace = begun(AAVMF).program(RECORD[AAVMF], 0xFFFFFFFD)
    planted = Planted(tmp_path, pending(AAVMF, record=0xFF), trace, AAVMF)
    (found,) = planted.costing(Toll.RECOVERED)
    assert Rule.W7 in found.rules
    assert planted.tolls() == {None, Toll.RECOVERED}


@pytest.mark.slow
def test_a_reclaim_loses_no_variable_where_the_spare_is_found_first(tmp_path: Path) -> None:
    """OVMF with SMM; what it does not survive is the loss of the volume header, while its first block is erased."""
    new = bytes(one_variable(OVMF_SMM)[:0xC0])
    before = pending(OVMF_SMM, record=0xFF)
    before[OVMF_SMM.spare :] = new.ljust(OVMF_SMM.spare_bytes, b"\xff")
    before[: OVMF_SMM.store_bytes] = new.ljust(OVMF_SMM.store_bytes, b"\xff")
    trace = byte(begun(OVMF_SMM), RECORD[OVMF_SMM], 0xFD).write(0, 0x20, size=1).write(0, 0xD0, wcycle=1, size=1)
    for offset, value in enumerate(new):
        byte(trace, offset, value)
    byte(byte(trace, RECORD[OVMF_SMM], 0xF9), RECORD[OVMF_SMM] - 40, 0xF8)
    planted = Planted(tmp_path, before, trace, OVMF_SMM)
    assert planted.tolls() == {None, Toll.RECOVERED, Toll.NO_START}
    hung = {found.cut.commit.offset for found in planted.costing(Toll.NO_START)}
    assert hung <= set(range(0x48))
    assert all({Rule.F2, Rule.F3} & set(found.rules) for found in planted.costing(Toll.NO_START))


def test_a_volume_header_lost_in_a_power_cut_hangs_ovmf_for_good(tmp_path: Path) -> None:
    """edk2 10406 (Bugzilla 4437): the firmware does not get beyond a damaged header, at any boot."""
    trace = begun(OVMF)
    byte(trace, RECORD[OVMF], 0xFD).write(0, 0x20, size=1).write(0, 0xD0, wcycle=1, size=1)
    planted = Planted(tmp_path, pending(OVMF, record=0xFF), trace, OVMF)
    erased = [found for found in planted.costing(Toll.NO_START) if found.cut.shape == "after"][-1]
    assert erased.cut.commit.offset == 0
    assert erased.cut.for_good
    assert Rule.F2 in erased.rules


def test_a_store_header_torn_while_it_is_made_hangs_aavmf_for_good(tmp_path: Path) -> None:
    """edk2 10406, as AAVMF has it: between the store's size and the two bytes behind it."""
    before = bytearray(b"\xff" * AAVMF.volume_bytes)
    planted = Planted(tmp_path, before, programmed(begun(AAVMF), 0, AAVMF.headers), AAVMF)
    hung = planted.costing(Toll.NO_START)
    assert {found.cut.commit.offset for found in hung} == {0x58, 0x5C}
    assert all(Rule.V1 in found.rules for found in hung)


def test_counts_of_a_torn_write_header_lead_the_driver_astray_once(tmp_path: Path) -> None:
    """edk2 9329 (Bugzilla 4349): the header of an open write is not checked before its counts are used."""
    trace = programmed(begun(AAVMF), 0x40020, queued(AAVMF)[:40])
    planted = Planted(tmp_path, one_variable(AAVMF), trace, AAVMF)
    astray = [found for found in planted.costing(Toll.RECOVERED) if found.cut.outcome is Outcome.HUNG]
    assert astray
    assert not any(found.cut.for_good for found in astray)
    assert all(Rule.W6 in found.rules for found in astray)
    assert planted.tolls() == {None, Toll.RECOVERED}


@pytest.mark.parametrize(("firmware", "toll", "rule"), [(AAVMF, Toll.NO_START, Rule.V6), (AAVMF_2025, None, Rule.F4)])
@pytest.mark.first_quick
def test_a_size_torn_in_a_rewrite_hangs_older_aavmf_and_newer_formats(
    tmp_path: Path, firmware: Firmware, toll: Toll | None, rule: Rule
) -> None:
    """edk2 pull request 5106: the variables of a store are checked since 4a443f73fd (edk2-stable202402)."""
    before = one_variable(firmware)
    trace = programmed(begun(firmware).erase(0), 0, bytes(before[:0xC0]))
    planted = Planted(tmp_path, before, trace, firmware)
    sizes = range(len(firmware.headers) + 36, len(firmware.headers) + 44)
    costly = planted.costing(toll or Toll.ALL)
    torn = [found for found in costly if found.cut.commit.offset in sizes and found.cut.shape not in ("none", "after")]
    assert torn
    assert all(rule in found.rules for found in torn)


@pytest.mark.slow
def test_a_needless_rewrite_of_the_live_store_may_cost_all_of_it(tmp_path: Path) -> None:
    """Fixed in edk2 35d8ea8097: a write that straddles a buffer had the whole block erased first."""
    before = one_variable(AAVMF)
    planted = Planted(tmp_path, before, programmed(begun(AAVMF).erase(0), 0, bytes(before[:0xC0])), AAVMF)
    after = [found for found in planted.costing(Toll.ALL) if found.cut.shape == "after"]
    assert after[0].cut.commit.offset == 0
    assert after[0].cut.cost.names == ("Only",)


def test_the_same_variable_added_without_an_erase_costs_nothing(tmp_path: Path) -> None:
    before = one_variable(AAVMF)
    end = 0x64 + len(variable("Only", b"kept data"))
    trace = programmed(begun(AAVMF), end, variable("Next", b"more", state=0xFF)).program(end, 0x003F55AA)
    assert Planted(tmp_path, before, trace, AAVMF).tolls() == {None}


@pytest.mark.parametrize("firmware", [AAVMF, AAVMF_2025])
def test_a_queue_that_is_made_anew_loses_nothing(tmp_path: Path, firmware: Firmware) -> None:
    """edk2 10033 (Bugzilla 3187) is not in these releases: the queue goes through the spare."""
    before = one_variable(firmware)
    before[0x80000 : 0x80000 + 32] = firmware.queue_header
    trace = begun(firmware).program(0x40014, 0xFFFFFFFC).erase(0x40000)
    programmed(trace, 0x40000, firmware.queue_header)
    planted = Planted(tmp_path, before, trace, firmware)
    assert planted.tolls() <= {None, Toll.RECOVERED}


@pytest.mark.parametrize("firmware", [AAVMF, AAVMF_2025])
def test_a_header_without_a_state_is_no_matter_for_a_release_build(tmp_path: Path, firmware: Firmware) -> None:
    """edk2 pull request 12973: the assertion that it runs into is one of debug builds."""
    before = one_variable(firmware)
    end = 0x64 + len(variable("Only", b"kept data"))
    header = variable("Next", b"more", state=0xFF)[:60]
    planted = Planted(tmp_path, before, programmed(begun(firmware), end, header), firmware)
    whole_cuts = list(Sweep(planted.commits, firmware, torn=False))
    assert all(cut.cost.toll is None and cut.outcome is Outcome.KEPT for cut in whole_cuts)
    last = whole_cuts[-1]
    contents, _ = cut_at(planted.commits, firmware, (last.commit.trace, last.commit.seq), last.shape)
    assert Rule.V3 in boot(contents, firmware).rules
