"""A planted trace for every rule, one that just does not trigger it, and the policies under which it speaks."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from replay.backing import Policy
from replay.chip_limits import chip_profiles
from tests.tracetool.cfi02_logs import FIRST, SECTOR, Cfi02Log, cfi02
from tests.tracetool.logs import Log, log, programmed
from tests.tracetool.traces import Again, Audited, audited
from tests.tracetool.uefi.boot.images import AAVMF, pending, reclaimed, whole
from tests.tracetool.uefi.stores import flash_image
from tracetool.analysis.options import Options
from tracetool.audit import Gate, audit
from tracetool.bundled import sample
from tracetool.findings import RULES, WEAR_LIMIT, Severity
from tracetool.findings.registry import RuleOptions
from tracetool.images import load_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark.structures import ParameterSet

CODE, STORE = "virt.flash0", "virt.flash1"
EXTENT = 0xC0000
REGION = 0x4000000

EVERY = frozenset(Policy)
DISCARD, ERROR, VOLATILE = Policy.DISCARD, Policy.ERROR, Policy.VOLATILE


@dataclass(frozen=True)
class Planted:
    """A log in which a rule finds one thing under some policies: at this offset, first at this event."""

    rule: str
    what: str
    log: Log
    policies: frozenset[Policy] = EVERY
    extent: int = EXTENT
    offset: int | None = None
    seq: int | None = None
    severity: Severity | None = None
    says: str = ""

    def __str__(self) -> str:
        return f"{self.rule}-{self.what}"


def store() -> Log:
    """The flash of the variables, from its power-up on."""
    return log(STORE).reset()


def code() -> Log:
    """The flash of the firmware's code, read-only."""
    return log(CODE, read_only=True).reset()


def side_by_side(*threads: int) -> Log:
    """Two machines' resets by their main threads, an access by each of the threads, and again by the first's."""
    trace = log("vexpress.flash1")
    for thread in threads[:2]:
        trace.line(f"{thread}@1.000000:pflash_reset vexpress.flash1: reset")
    for thread in (*threads, threads[0]):
        write = "pflash_io_write vexpress.flash1: offset:0x0000 size:4 value:0xff00ff wcycle:0"
        trace.line(f"{thread}@1.000000:{write}")
        trace.line(f"{thread}@1.000000:pflash_mode_read_array vexpress.flash1: read array mode")
    return trace


def erased(times: int) -> Log:
    """The first block erased so many times, with something in it each time."""
    trace = store()
    for _ in range(times):
        trace.erase(0).program(0, 0)
    return trace


def polled(reads: int) -> Cfi02Log:
    """A word that cannot become what was programmed, read so many times."""
    trace = cfi02().sector_erase(0).words(0, 0).words(4, 0).words(0, 0x80)
    return trace.reads(reads)


STORE_BYTES = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=REGION)[:EXTENT].tobytes()
LIST_END = 0x92C
"""End of the list of variables in the sample's store, behind `MTC` at 0x84c and two deleted copies of `Hello`."""


TIMEOUT = 0x288
"""Offset of `Timeout` in the sample's store."""


def timeout(state: int, data_bytes: int) -> tuple[bytes, bytes]:
    """Header, then name and two bytes of data, of a copy of `Timeout` with so many bytes of data."""
    name = "Timeout\0".encode("utf-16-le")
    guid = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c").bytes_le
    head = struct.pack("<2sBxI28xII16s", b"\xaa\x55", state, 7, len(name), data_bytes, guid)
    return head, name + bytes((5, 0))


def variable(state: int, data_bytes: int = 2) -> Log:
    """Another copy of `Timeout` at the end of the list, with so many bytes of data."""
    return programmed(store(), LIST_END, b"".join(timeout(state, data_bytes)))


def updated(data_bytes: int) -> Log:
    """`Timeout` updated to so many bytes of data, state by state."""
    head, rest = timeout(0xFF, data_bytes)
    trace = programmed(store().program(TIMEOUT, 0x003E55AA), LIST_END, head)
    programmed(trace.program(LIST_END, 0x007F55AA), LIST_END + len(head), rest)
    return trace.program(LIST_END, 0x003F55AA).program(TIMEOUT, 0x003C55AA)


def probed(trace: Log | None = None) -> Log:
    """A flash that is asked what it is, and left alone."""
    return (trace or store()).write(0, 0x700070).read_status(0).read_array()


def two_flashes() -> Log:
    """Code and store of OVMF, switched on."""
    return log("system.flash0", read_only=True).reset().of(log("system.flash1").reset())


def queue(*flags: tuple[int, int]) -> Log:
    """A fault tolerant write whose header and record get these flags, one after the other (offset, flags)."""
    head = struct.pack("<B3x16s4xQQ", 0xFC, bytes(16), 1, 0)
    record = struct.pack("<B7xQQQq", 0xFF, 0, 0x48, 0x3FFB8, -0x80000)
    trace = programmed(store(), 0x40020, head)
    programmed(trace, 0x40048, record)
    for offset, value in flags:
        trace.program(offset, value)
    return trace


def spare_written() -> Log:
    """A complete fault tolerant write, after which the spare is erased."""
    trace = queue().erase(0x80000).program(0x80000, 0x1234).program(0x40048, 0xFFFFFFFD).program(0x40048, 0xFFFFFFF9)
    return trace.program(0x40020, 0xFFFFFFF8).erase(0x80000)


def written_again(end: int) -> Log:
    """The store erased and written again up to `end`, then a word in the working block's queue."""
    return programmed(store().erase(0), 0, STORE_BYTES[:end]).program(0x40020, 0xFFFFFFFF)


TIMEOUT = 0x238
"""Data of Timeout in a store without old copies."""


def retimed() -> Log:
    """One bit of Timeout cleared in place."""
    return store().program(TIMEOUT, 0xFFFF0001)


def rewritten() -> Log:
    """A buffered write of two words over the same first word."""
    return store().erase(0).buffered(0, 1, 0xFFFFFFFF).buffered(0, 1, 2)


def filled(windows: int) -> Log:
    """A block erased, then so many write buffers of 4 KiB programmed."""
    trace = store().erase(0)
    for window in range(windows):
        trace.buffered(0x1000 * window, *([0] * 1024))
    return trace


def spread(count_at: int, *words: int) -> Log:
    """A buffered write of two words whose setup, count and confirm go elsewhere."""
    inside = all(place // 0x1000 == count_at // 0x1000 for place in words)
    # What a writable flash stores shows that it is one, where the words themselves are lost.
    trace = store() if inside else store().program(0x80000, 0)
    trace.write(count_at, 0xE800E8).write(count_at, (len(words) - 1) * 0x10001, wcycle=1)
    if inside:
        for place in words:
            trace.write(place, 1, wcycle=2)
        return trace.write(count_at, 0xD000D0, wcycle=3)
    for place in words:
        trace.event("io_write", f"offset:{place:#06x} size:4 value:0x0001 wcycle:2")
    trace.event("write", "block write finished")
    trace.event("io_write", f"offset:{count_at:#06x} size:4 value:0xd000d0 wcycle:3")
    return trace.event("write_block_abort", "block write abort").event("mode_read_array", "read array mode")


def hurried(kind: int, step_us: int) -> Log:
    """A program, buffered program or erase, then a program; an event every so many microseconds."""
    begun = [store().program(0, 1), store().buffered(0, 1), store().erase(0)][kind]
    return begun.program(0x80 if kind == 1 else 4, 1).timed(7, step_us)


def sectors(*starts: int) -> Log:
    """Each erased, then programmed with a buffered write of one word; what a driver of small sectors does."""
    trace = store()
    for start in starts:
        trace.erase(start).buffered(start, 1)
    return trace


def left_query() -> Log:
    """As Linux's cfi_probe leaves query mode: 0xf0, which does nothing, then 0xff."""
    left = store().write(0x154, 0x980098).event("io_write", "offset:0x0000 size:4 value:0xf000f0 wcycle:1")
    return left.event("write", "leaving query mode").write(0, 0xFF00FF, wcycle=1)


def locked_down(confirm: int) -> Log:
    """A second cycle of 0x60 that QEMU does not know."""
    locked = (
        store().write(0, 0x600060).event("io_write", f"offset:0x0000 size:4 value:{confirm * 0x10001:#06x} wcycle:1")
    )
    return locked.event("write", "unknown (un)locking command").event("mode_read_array", "read array mode")


ERASE_CYCLES = 20


IMAGES: dict[str, Path] = {"store": sample("aavmf-shell-padding/flash1-after.fd.zst")}
"""Images of the flash that rules about variables need."""

BEHIND_CODE = ("program of the code", "erase of the code", "program of the store", "command to the code")
_OVMF = ("system.flash0", "system.flash1")
BEFORE = {
    **{what: {STORE: "code and store"} for what in BEHIND_CODE},
    "store in the code's flash": {CODE: "store", STORE: "store"},
    "code and store in one flash": {CODE: "store"},
    "update beside a pending write": {STORE: "pending"},
    "update and nothing pending": {STORE: "reclaimed"},
    "spare complete": {STORE: "spare written"},
    "write that is dropped": {STORE: "spare written"},
    "code of 4 MiB, store of 2 MiB": dict(zip(_OVMF, ("code", "store of 2 MiB"), strict=True)),
    "blank flash of OVMF": dict(zip(_OVMF, ("code", "blank"), strict=True)),
    "code and store of one build": dict(zip(_OVMF, ("code", "store of 4 MiB"), strict=True)),
}
"""The images before a trace, by device, where they are others than the sample's store."""


@pytest.fixture(autouse=True, scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make a flash with a block of code before its store, and OVMF's code and stores."""
    folder = tmp_path_factory.mktemp("images")
    path = folder / "code-and-store.fd"
    IMAGES["code and store"] = flash_image(path, REGION, store=0x40000, code=(0, 0x40000))
    IMAGES["code"] = flash_image(folder / "code.fd", 3568 << 10, code=(0, 0x1000))
    IMAGES["blank"] = flash_image(folder / "blank.fd", 528 << 10)
    for name, length in (("store of 2 MiB", 128 << 10), ("store of 4 MiB", 528 << 10)):
        path = folder / f"{length}.fd"
        IMAGES[name] = flash_image(path, length, store=0, fv_length=length, blocks=length >> 12, block_bytes=0x1000)
    compact = reclaimed(AAVMF)
    for name, image in (
        ("reclaimed", compact + whole(AAVMF)[len(compact) :]),
        ("pending", pending(AAVMF, target=compact)),
        ("spare written", pending(AAVMF, target=compact, record=0xFF)),
    ):
        IMAGES[name] = folder / f"{name}.fd"
        IMAGES[name].write_bytes(image)


@pytest.fixture(autouse=True)
def soon_worn_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip that is good for twenty erases, so that a planted trace can wear it out."""
    chips = {name: replace(chip, erase_cycles=ERASE_CYCLES) for name, chip in chip_profiles().items()}
    monkeypatch.setattr(import_module("tracetool.audit.audit"), "chip_profiles", lambda: chips)


PLANTED = [
    Planted("EXT001", "program", store().program(EXTENT, 0x1234), offset=EXTENT, seq=3, says="4 B (34 12 00 00)"),
    Planted(
        "EXT001",
        "buffered program across the end",
        store().buffered(0xC07FC, 0x11111111, 0x22222222),
        extent=0xC0800,
        offset=0xC0800,
        seq=10,
        says="4 B (22 22 22 22)",
    ),
    Planted(
        "EXT002", "erase", store().erase(EXTENT), offset=EXTENT, seq=1, says="1 block erase at 0xc0000 to 0x100000"
    ),
    Planted(
        "EXT003",
        "command",
        store().write(EXTENT, 0x700070),
        offset=EXTENT,
        seq=1,
        severity=Severity.ERROR,
        says="(first value 0x700070)",
    ),
    Planted("EXT003", "command to the code flash", code().write(EXTENT, 0x700070), seq=1, severity=Severity.WARNING),
    Planted(
        "EXT003",
        "write thrown away by the device",
        log(STORE).realize(EXTENT).reset().outer_write(0x100000),
        offset=0x100000,
        seq=2,
        says="the value was not traced",
    ),
    Planted(
        "EXT004",
        "status outside",
        store().write(EXTENT, 0x700070).read_status(EXTENT),
        policies=frozenset({DISCARD, ERROR}),
        offset=EXTENT,
        seq=4,
    ),
    Planted(
        "EXT004",
        "status inside, after a program that is refused",
        store().program(EXTENT, 0x1234).write(0, 0x700070).read_status(0),
        policies=frozenset({DISCARD, ERROR}) - {DISCARD},
        offset=0,
        seq=9,
        says="under error (the first 0x900090)",
    ),
    Planted(
        "EXT005", "program", store().program(EXTENT, 0x1234), policies=frozenset({DISCARD, VOLATILE}), offset=EXTENT
    ),
    Planted("EXT005", "erase", store().erase(EXTENT), policies=frozenset({DISCARD, VOLATILE}), offset=EXTENT),
    Planted(
        "EXT006",
        "data beyond the end",
        store().write(0, 0x400040).write(EXTENT, 0x1234, wcycle=1).read_array(),
        policies=frozenset({DISCARD}),
        offset=0,
        seq=6,
    ),
    Planted(
        "EXT006",
        "data thrown away by the device",
        log(STORE).realize(EXTENT).reset().write(0, 0x400040).outer_write(EXTENT),
        offset=EXTENT,
        seq=4,
    ),
    Planted("VAR001", "added to nothing known", store().program(0x84C, 0x003955AA), offset=0x84E, says="0x3f to 0x39"),
    Planted("VAR001", "deleted to added", store().program(0x8E0, 0x003F55AA), offset=0x8E2, says="Hello"),
    Planted("VAR002", "erase of the live store", store().erase(0), offset=0, seq=1, says="erased 1 time"),
    Planted("VAR003", "target complete before the spare", queue((0x40048, 0xFFFFFFFB)), offset=0x40048),
    Planted("VAR004", "free space", store().program(0x2000, 0x1234), offset=0x2000, says="free space"),
    Planted("VAR004", "spare without a write", store().program(0x80000, 0x1234), offset=0x80000, says="spare"),
    Planted("VAR004", "spare after a write", spare_written().program(0x80000, 0x1234), offset=0x80000, says="spare"),
    Planted("VAR005", "headers alone", written_again(0x64), offset=0, says="17 variables"),
    Planted("VAR006", "two added copies", variable(0x3F), offset=0x288, says="Timeout"),
    Planted("VAR006", "not written again", written_again(0x800), says="MTC"),
    Planted("VAR007", "8 KiB left", variable(0x3F, 0x3D600), says="free"),
    Planted("VAR008", "a large update", updated(0x3400), says="1 update of Timeout took 13,388 of 13,388 B"),
    Planted("VAR009", "store in the code's flash", code().program(0x2000, 0).of(store()), offset=0, says=STORE),
    Planted("VAR009", "code of 4 MiB, store of 2 MiB", two_flashes(), says="3568 + 528 make 4 MiB"),
    Planted("VAR010", "blank flash of OVMF", two_flashes(), offset=0, says="OVMF takes the flash for absent"),
    Planted("VAR010", "probed only", probed(), seq=0, says="stored nothing"),
    Planted("CUT001", "erase of the live store", store().erase(0), offset=0, seq=1, says="up to 17 of 17 variables"),
    Planted("CUT002", "half written again", written_again(0x400), says="variables"),
    Planted("CUT003", "update beside a pending write", retimed(), offset=TIMEOUT, says="up to 1 of 17 variables"),
    Planted("CUT004", "format of the store", store().program(0x5C, 0x0000FE00), offset=0x5C, says="1 time"),
    Planted("CUT005", "spare complete", store().program(0x40048, 0xFFFFFFFD), offset=0x40048, says="1 time"),
    Planted("VAR004", "program of the code", store().program(0x200, 0), offset=0x200, seq=3, says="at 0x40000"),
    Planted("VAR004", "erase of the code", store().erase(0), offset=0, seq=1, says="1 program or erase"),
    Planted("RO001", "no command", code().write(0x1CB20, 0x17384), offset=0x1CB20, seq=1, says="(first value 0x17384)"),
    Planted("RO001", "one lane alone differs", code().write(0x100, 0x700071), offset=0x100, seq=1),
    Planted("RO002", "program", code().program(0x200, 0), offset=0x200, seq=3),
    Planted("RO002", "erase", code().erase(0x40010), seq=1, says="1 program or erase refused"),
    Planted("SEQ001", "not a command", store().write(0x300, 0x12345678), offset=0x300, seq=1),
    Planted(
        "SEQ002",
        "aborted",
        store().write(0, 0xE800E8).write(0, 0, wcycle=1).write(0, 7, wcycle=2).write(0, 0xFF00FF, wcycle=3),
        offset=0,
        seq=1,
    ),
    Planted(
        "SEQ002",
        "counted in another window",
        spread(0x40000, 0x42000, 0x42004),
        seq=6,
        says="the first word was for 0x42000: QEMU issue 2343. QEMU 9.0.1 would have stored it",
    ),
    Planted("SEQ003", "no confirm", store().write(0x40000, 0x200020).write(0x40000, 0xFF00FF, wcycle=1), seq=1),
    Planted("SEQ004", "setup", store().write(0, 0x400040), seq=2),
    Planted("SEQ005", "status", store().write(0, 0x700070), seq=2, says="command 0x70 in force"),
    Planted("SEQ006", "after a refused program", code().program(0x200, 0).program(0x200, 0), seq=5),
    Planted(
        "SEQ007",
        "three sectors of 4 KiB",
        sectors(0x40000, 0x41000, 0x42000),
        offset=0x40000,
        seq=13,
        says="2 erases asked for at 0x41000 and 0x42000 took all of block 1 (256 KiB), with 8 B that this trace",
    ),
    Planted("SEQ007", "from the highest on", sectors(0x2000, 0x1000, 0), offset=0, says="1 erase asked for at 0x1000 "),
    Planted(
        "SEQ007", "in two blocks", sectors(0, 0x20000, 0x40000, 0x60000), says="took all of blocks 0 and 1 (256 KiB"
    ),
    Planted("WEAR001", "11 erases", erased(WEAR_LIMIT + 1), offset=0, says="block 0 at 0x0000 was erased 11 times"),
    Planted("WEAR002", "erase of an erased block", store().erase(0).erase(0), offset=0, seq=4),
    Planted("WEAR002", "program of what is there", store().program(0, 5).program(0, 5), offset=0, seq=6),
    Planted(
        "WEAR003",
        "a block for 28 KiB",
        filled(7),
        says="290,816 B were erased and programmed for 28,672 B that programs changed: 10 for one",
    ),
    Planted("NOR001", "bit set", store().program(0, 0).program(0, 1), offset=0, seq=6),
    Planted("NOR002", "no confirm", store().write(0x40000, 0x200020).write(0x40000, 0xFF00FF, wcycle=1), seq=1),
    Planted(
        "NOR003",
        "no confirm",
        store().write(0, 0xE800E8).write(0, 0, wcycle=1).write(0, 7, wcycle=2).write(0, 0xFF00FF, wcycle=3),
        seq=1,
    ),
    Planted(
        "NOR004",
        "word before the first",
        spread(0x80, 0x84, 0x80),
        seq=1,
    ),
    Planted("NOR004", "word beyond the count", spread(0, 0x80, 0x88), seq=1),
    Planted("NOR004", "word in another block than the count", spread(0x40000, 0x3FFF8, 0x3FFFC), seq=6),
    Planted("NOR005", "half a buffer", store().buffered(0x40, 1), seq=1),
    Planted("NOR005", "half a buffer, counted at its start", spread(0, 0x40, 0x44), seq=1),
    Planted("NOR006", "no poll, no times", store().program(0, 1).program(4, 1), offset=4, seq=6, says="without times"),
    Planted("NOR006", "word after 300 us", hurried(0, 100), offset=4, seq=6, says="could still be busy"),
    Planted("NOR006", "buffer after 900 us", hurried(1, 450), offset=0x80, seq=10),
    Planted("NOR006", "block after 3 s", hurried(2, 3_000_000), offset=4, seq=4),
    Planted("NOR007", "after a refused program", code().program(0x200, 0).program(0x200, 0), seq=5),
    Planted("NOR008", "locked", store().program(0, 1), offset=0, seq=1),
    Planted("NOR009", "one lane", store().write(0, 0x70), offset=0, seq=1),
    Planted("NOR009", "an access as wide as one chip", store().write(0x8000, 0x70, size=2), offset=0x8000, seq=1),
    Planted("NOR010", "suspend", store().write(0, 0xB000B0), offset=0, seq=1),
    Planted("NOR011", "21 erases", erased(ERASE_CYCLES + 1), offset=0, says="was erased 21 times"),
    Planted(
        "TRC001",
        "status",
        store().write(0, 0x700070).read_status(0, 0x900090),
        seq=3,
        says="expected value 0x800080, but 0x900090",
    ),
    Planted(
        "TRC001",
        "write cycle",
        store().write(0, 0x700070).event("io_write", "offset:0x0000 size:4 value:0x70 wcycle:3"),
        seq=3,
    ),
    Planted("TRC002", "lost", store().line("CPU:0 [LOST 12 EVENTS]"), seq=1, says="12 events lost"),
    Planted("TRC003", "half a line", store().line("pflash_io_write virt.flash1: offset:0x00"), says="1 of 2 lines"),
    Planted(
        "TRC003",
        "beyond the region",
        store().write(REGION, 0x700070),
        seq=1,
        says="a flash of 64 MiB cannot log",
    ),
    Planted("TRC004", "no bus writes", store().program(0, 0).without("io_write")),
    Planted(
        "TRC006",
        "full disk",
        store().line("qemu-system-aarch64: Could not update PFLASH: No space left on device"),
        seq=1,
        says="No space left on device",
    ),
    Planted("TRC007", "in mid-command", store().buffered(0, 1, 2, 3).begun_at(5), seq=0, says="begins in mid-command"),
    Planted("TRC008", "threads of two QEMUs", side_by_side(100, 200, 201), says="thread 201 may be of either"),
    Planted("TRC007", "migration", store().event("postload_cb", "updating bdrv"), seq=1, says="migration"),
    Planted("AMD001", "bit set", cfi02().sector_erase(0).words(0, 0x0F, 0xFF0F).words(0, 0xF0), offset=0, seq=21),
    Planted("AMD002", "wrong address", cfi02().cycle(FIRST + 4, 0xAA, 0, rests=True), offset=FIRST + 4, seq=1),
    Planted("AMD002", "no unlock at all", cfi02().cycle(0, 0xA0, 0, rests=True), offset=0, seq=1),
    Planted(
        "AMD003",
        "program of a suspended sector",
        cfi02().erase_command(SECTOR).timer().suspended().words(SECTOR + 8, 0),
        offset=SECTOR + 8,
        seq=10,
    ),
    Planted(
        "AMD003",
        "erase while one is suspended",
        cfi02().erase_command(0).timer().suspended().erase_command(SECTOR).reset(),
        offset=FIRST,
        seq=10,
    ),
    Planted("AMD004", "late sector", cfi02().erase_command(0).timer().cycle(SECTOR, 0x30, 6).timer(ends=True), seq=1),
    Planted("AMD005", "reset command", cfi02().erase_command(0).cycle(0, 0xF0, 6, rests=True), offset=0, seq=1),
    Planted("AMD006", "chip erase", cfi02().erase_command(FIRST, 0x10).timer(0x10, ends=True), offset=0, seq=1),
    Planted("AMD007", "reset command", cfi02().erase_command(0).timer().cycle(0, 0xF0, 6).timer(ends=True), seq=1),
    Planted("AMD008", "DQ7 alone", polled(8), offset=0, seq=21),
    Planted("AMD009", "43 reads", cfi02().sector_erase(0).words(0, 0).reads(43).ended(), seq=11),
    Planted("TRC009", "no timer", cfi02().sector_erase(0).words(0, 0).without("timer_expired")),
]

NEAR_MISSES = [
    ("EXT001", "program that ends at the end", store().program(EXTENT - 4, 0x1234)),
    ("EXT001", "setup without data", store().write(EXTENT, 0x400040)),
    ("EXT002", "erase of the last block inside", store().erase(EXTENT - 4)),
    ("EXT003", "command at the last word inside", store().write(EXTENT - 4, 0x700070)),
    ("EXT003", "command with its data", store().program(EXTENT, 0x1234)),
    ("EXT004", "status inside", store().write(0, 0x700070).read_status(0)),
    ("EXT005", "program inside", store().program(EXTENT - 4, 0x1234)),
    ("EXT005", "mere command outside", store().write(EXTENT, 0x700070)),
    ("EXT006", "setup and data outside", store().program(EXTENT, 0x1234).read_array()),
    ("EXT006", "setup and data inside", store().program(EXTENT - 4, 0x1234).read_array(EXTENT)),
    ("VAR001", "update begun", store().program(0x84C, 0x003E55AA)),
    ("VAR002", "erase of the working block", store().erase(0x40000)),
    ("VAR003", "spare, then target", queue((0x40048, 0xFFFFFFFD), (0x40048, 0xFFFFFFF9), (0x40020, 0xFFFFFFF8))),
    ("VAR004", "another variable", variable(0x3F)),
    ("VAR004", "copy of a full queue", programmed(spare_written(), 0x80000, STORE_BYTES[0x40000:0x40020])),
    ("VAR005", "all written again", written_again(LIST_END)),
    ("VAR006", "a deleted copy", variable(0x3D)),
    ("VAR007", "half full", variable(0x3F, 0x20000)),
    ("VAR008", "a small update", updated(0x3000)),
    ("VAR009", "code and store in one flash", code().program(0x2000, 0)),
    ("VAR009", "store in its own flash", store().program(0x2000, 0).of(code())),
    ("VAR009", "code and store of one build", two_flashes()),
    ("VAR010", "code and store of one build", two_flashes()),
    ("VAR010", "probed, then written", probed().program(0x2000, 0)),
    ("VAR010", "a store that is read-only", probed(log(STORE, read_only=True).realize(EXTENT).reset())),
    ("CUT001", "erase of the working block", store().erase(0x40000)),
    ("CUT002", "a new variable", store().program(0x84C, 0x003F55AA)),
    ("CUT003", "update and nothing pending", retimed()),
    ("CUT004", "reserved bytes of the store", store().program(0x60, 0)),
    ("CUT005", "write that is dropped", store().program(0x40020, 0xFFFFFFF8)),
    ("VAR004", "program of the store", store().program(0x40000, 0).erase(0x40000)),
    ("VAR004", "command to the code", store().write(0x200, 0x700070)),
    ("RO001", "command as a driver sends it", code().write(0x1CB20, 0x700070)),
    ("RO001", "no command on a writable flash", store().write(0x1CB20, 0x17384)),
    ("RO002", "status of a read-only flash", code().write(0x200, 0x700070).read_status(0x200)),
    ("RO002", "program on a writable flash", store().program(0x200, 0)),
    ("SEQ001", "read array", store().read_array()),
    ("SEQ001", "no command on a read-only flash", code().write(0x300, 0x12345678)),
    ("SEQ002", "confirmed", store().buffered(0, 7)),
    ("SEQ003", "confirmed", store().erase(0x40000)),
    ("SEQ004", "setup and data", store().program(0, 1)),
    ("SEQ005", "read array", store().write(0, 0x700070).read_array()),
    ("SEQ006", "status cleared", code().program(0x200, 0).write(0x200, 0x500050).program(0x200, 0)),
    ("SEQ007", "the starts of blocks", sectors(0, 0x40000, 0, 0x40000)),
    ("SEQ007", "the sector alone had been programmed", store().program(0x1000, 1).erase(0x1000).erase(0x2000)),
    ("SEQ007", "programmed before the last erase", store().program(0, 1).erase(0).erase(0x1000)),
    ("WEAR001", "10 erases", erased(WEAR_LIMIT)),
    ("WEAR002", "erase of what was programmed", store().erase(0).program(0, 5).erase(0)),
    ("WEAR002", "contents that nobody knows", store().program(0, 5)),
    ("WEAR002", "one word of a buffered write, without bus writes", rewritten().without("io_write")),
    ("WEAR003", "a block for 32 KiB", filled(8)),
    ("NOR001", "bit set after an erase", store().program(0, 0).erase(0).program(0, 1)),
    ("NOR002", "confirmed", store().erase(0x40000)),
    ("NOR003", "confirmed", store().buffered(0, 7)),
    ("NOR003", "query mode left by 0xf0, and by 0xff", left_query()),
    ("NOR003", "block locked down", locked_down(0x2F)),
    ("NOR003", "read configuration register written", locked_down(0x03)),
    ("NOR004", "words as counted", store().buffered(0x80, 7, 8)),
    ("NOR004", "setup and count at the start of the block", spread(0, 0x3FF78, 0x3FF7C)),
    ("NOR005", "a buffer", store().buffered(0x80, 1)),
    ("NOR005", "a buffer, counted elsewhere in the block", spread(0x44, 0x100, 0x104)),
    ("NOR006", "polled", store().program(0, 1).read_status(0).program(4, 1)),
    ("NOR006", "word after 600 us", hurried(0, 200)),
    ("NOR006", "buffer after 1.2 ms", hurried(1, 600)),
    ("NOR006", "block after 4.5 s", hurried(2, 4_500_000)),
    ("NOR006", "after a reset", store().program(0, 1).reset().program(4, 1)),
    ("NOR006", "after a reset, at once", store().program(0, 1).reset().program(4, 1).timed(5, 1)),
    ("NOR006", "read array and query, which the data sheet allows", store().program(0, 1).read_array().timed(5, 1)),
    ("NOR007", "status cleared", code().program(0x200, 0).write(0x200, 0x500050).program(0x200, 0)),
    ("NOR008", "unlocked", store().unlock(0).program(0, 1)),
    ("NOR009", "both lanes", store().write(0, 0x700070)),
    ("NOR009", "identifiers asked for in a narrow access", store().write(0, 0x90, size=2).read_array()),
    ("NOR009", "a byte, which no driver of these chips sends", store().write(0, 0x70, size=1)),
    ("NOR010", "confirm of an erase", store().erase(0)),
    ("NOR011", "20 erases", erased(ERASE_CYCLES)),
    ("TRC001", "status as predicted", store().write(0, 0x700070).read_status(0)),
    ("TRC001", "an event that is not enabled", store().program(0, 1).without("write")),
    ("TRC002", "words of the guest", store().line("the guest says: LOST EVENTS")),
    ("TRC003", "another program's line", store().line("qemu-system-aarch64: warning: nothing to see")),
    ("TRC003", "the last word of the region", store().write(REGION - 4, 0x700070)),
    ("TRC004", "a device that nobody wrote to", store()),
    ("AMD001", "bits cleared in two steps", cfi02().sector_erase(0).words(0, 0x0F).words(0, 0x0E)),
    ("AMD002", "the read array command of other chips", cfi02().cycle(0, 0xFF, 0, rests=True)),
    ("AMD003", "program of another sector", cfi02().erase_command(SECTOR).timer().suspended().words(0, 0)),
    ("AMD004", "two sectors in a window", cfi02().erase_command(0).cycle(SECTOR, 0x30, 6).timer().timer(ends=True)),
    ("AMD005", "suspended in the window", cfi02().erase_command(0).suspended()),
    ("AMD006", "erase of a sector", cfi02().sector_erase(0)),
    ("AMD007", "suspended while it runs", cfi02().erase_command(0).timer().suspended()),
    ("AMD008", "seven reads", polled(7)),
    ("AMD009", "42 reads", cfi02().sector_erase(0).words(0, 0).reads(42)),
    ("TRC009", "no erase", cfi02().words(0, 0).without("timer_expired")),
    ("TRC006", "another failure", store().line("qemu-system-aarch64: Could not open PFLASH image")),
    ("TRC007", "begins with a command", store().program(0, 1).begun_at(1)),
    ("TRC008", "main threads of two QEMUs", side_by_side(100, 200)),
    ("TRC007", "begins with an event of no state", store().read_array().begun_at(2)),
]


FLAWED = {"TRC001", "TRC002", "TRC003", "TRC004", "TRC006", "TRC007", "TRC008", "TRC009"}


def judged(rule: str, trace: Log, policy: Policy, extent: int = EXTENT, what: str = "") -> Audited:
    """Audit a log planted for a rule; the devices that tell no extent of their own end at `extent`.

    Rules about variables are given the images before the trace, those of `BEFORE` or the sample's store.
    """
    devices = {name for name in (CODE, STORE) if name in trace.text}
    images = {name: IMAGES[image] for name, image in BEFORE.get(what, {STORE: "store"}).items()}
    variables, power_cuts = rule.startswith("VAR"), rule.startswith("CUT")
    options = Options(
        images if variables or power_cuts else {},
        dict.fromkeys(devices, extent),
        policy=policy,
        variables=variables,
        power_cuts=power_cuts,
    )
    return audited(trace.text, options=options)


def test_every_rule_has_a_trace_that_triggers_it_and_one_that_does_not() -> None:
    assert {planted.rule for planted in PLANTED} == set(RULES)
    assert {rule for rule, _, _ in NEAR_MISSES} == set(RULES)


def under_policies(*case: object, trace: Log, extent: int, name: str) -> Iterator[ParameterSet]:
    """A case under each policy; where no access reaches the end of the extent, all but one are slow.

    A policy says what becomes of accesses beyond the extent.
    """
    ends = [int(offset, 16) + 4 for offset in re.findall(r"offset:(0x[0-9a-f]+)", trace.text)]
    alike = max(ends, default=0) < extent
    for policy in Policy:
        marks = pytest.mark.slow if alike and policy != DISCARD else ()
        yield pytest.param(*case, policy, id=f"{name}-{policy.label}", marks=marks)


@pytest.mark.parametrize(
    ("planted", "policy"),
    [case for p in PLANTED for case in under_policies(p, trace=p.log, extent=p.extent, name=str(p))],
)
def test_a_rule_finds_what_was_planted(planted: Planted, policy: Policy) -> None:
    """Once, with its place and its first event, and only under the policies that make it true.

    The trace is otherwise as a QEMU logs it: else a rule might speak for another reason than the one that was planted.
    """
    audit = judged(planted.rule, planted.log, policy, planted.extent, planted.what)
    if planted.rule not in FLAWED:
        assert audit.rules & FLAWED == set()
    elif policy == DISCARD:
        assert audit.exit_code in (1, 4), "a flawed trace is never called safe"
    found = audit.findings(planted.rule)
    if policy not in planted.policies:
        assert found == []
        return
    (finding,) = found
    assert finding.severity == (RULES[planted.rule].severity if planted.severity is None else planted.severity)
    assert planted.says in finding.message
    if planted.offset is not None:
        assert finding.offset == planted.offset
    if planted.seq is not None:
        assert finding.first_seq == planted.seq


@pytest.mark.parametrize(
    ("rule", "what", "trace", "policy"),
    [
        case
        for rule, what, trace in NEAR_MISSES
        for case in under_policies(rule, what, trace, trace=trace, extent=EXTENT, name=f"{rule}-{what}")
    ],
)
def test_a_rule_keeps_silent_where_nothing_is_wrong(rule: str, what: str, trace: Log, policy: Policy) -> None:
    assert judged(rule, trace, policy, what=what).findings(rule) == [], what


def test_a_missing_read_is_expected_after_what_it_caused() -> None:
    """A read is logged last, so its inner event is the place where it is missed."""
    trace = store().write(0, 0x700070).read_status(0).event("read_status", "status:0x800080").read_array()
    (finding,) = judged("TRC001", trace, Policy.DISCARD).findings("TRC001")
    assert finding.first_seq == 5
    assert finding.message == "event 5: expected pflash_io_read after this event, and it is missing"


def test_a_missing_inner_event_is_expected_before_the_next_access() -> None:
    trace = store().write(0, 0x700070).without("write").read_array()
    (finding,) = judged("TRC001", trace, Policy.DISCARD).findings("TRC001")
    assert finding.first_seq == 2
    assert finding.message == "event 2: expected pflash_write before this event, and it is missing"


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.startswith("NOR")])
def test_silicon_s_rules_are_errors_where_silicon_is_what_counts(rule: str) -> None:
    planted = next(planted for planted in PLANTED if planted.rule == rule)
    readers = [Again(planted.log.text.encode(), 1 << 20)]
    options = Options(extents={STORE: EXTENT} if STORE in planted.log.text else {})
    found = audit(readers, options, RuleOptions(strict_silicon=True))
    assert {finding.severity for finding in found.findings if finding.rule == rule} == {Severity.ERROR}
    assert Gate().ending(found).code == 1
