"""Mutants of the CFI02 model: each rule of the device broken in turn."""

from __future__ import annotations

__all__ = ["CFI02_MUTANTS"]

_CYCLES = "cfi02.cycles"
_READS = "cfi02.reads"

CFI02_MUTANTS = (
    (
        "a reset of the device ends unlock bypass",
        "cfi02.machine.reset",
        "chip.cmd = Command.NONE",
        "chip.sectors.bypass = False",
    ),
    ("a reset of the device clears the status", "cfi02.machine.reset", "chip.wcycle = Cycle.REST", "chip.status = 0"),
    ("an unlock address of twelve bits", "cfi02.facts.ADDRESS_MASK", "2047", "4095"),
    (
        "the first unlock at the second's address",
        _CYCLES + ".unlock",
        "address == FIRST_ADDRESS",
        "address == SECOND_ADDRESS",
    ),
    ("the reset command is not known", _CYCLES + ".write_cycle", "command == Command.RESET", "command == 0xF1"),
    ("a write leaves the count of reads", _CYCLES + ".write_cycle", "chip.sectors.reads = 0", "pass"),
    ("42 reads are enough", "cfi02.facts.ARRAY_READS", "43", "42"),
    ("a program sets bits", _CYCLES + ".store", "chip.storage[offset + i] & wanted", "wanted"),
    ("a program leaves DQ7", _CYCLES + ".program", "chip.status & ~Status.DQ7 | ~value & Status.DQ7", "chip.status"),
    ("a suspended sector takes a program", _CYCLES + ".program", "chip.sectors.suspended", "False"),
    ("bypass ends with its program", _CYCLES + ".program", "chip.sectors.bypass", "False"),
    ("bypass needs the command's address", _CYCLES + ".command_cycle", "not chip.sectors.bypass", "True"),
    ("0x90 0x00 does not end bypass", _CYCLES + ".leave_autoselect", "command == Command.NONE", "command == 1"),
    (
        "the query in autoselect is left at once",
        _CYCLES + ".reset_command",
        "chip.wcycle = Cycle.SET_UP",
        "chip.wcycle = Cycle.REST",
    ),
    ("DQ7 stays at an erase", _CYCLES + ".start_erase", "chip.status &= ~Status.DQ7", "pass"),
    ("a sector counts once", _CYCLES + ".erase_sector", "chip.sectors.pending += 1", "chip.sectors.pending = 1"),
    (
        "a given up erase counts no more",
        _CYCLES + ".erasing_cycle",
        "abort(chip, Flag.ERASE_GIVEN_UP)",
        "end_sectors(chip)",
    ),
    (
        "no suspend in the window",
        _CYCLES + ".erasing_cycle",
        "command == Command.SUSPEND",
        "command == Command.SUSPEND and chip.status & Status.DQ3",
    ),
    ("a suspend leaves DQ3", _CYCLES + ".erasing_cycle", "chip.status &= ~Status.DQ3", "pass"),
    (
        "a resumed erase has a window",
        _CYCLES + ".resume",
        "chip.status & ~Status.DQ7 | Status.DQ3",
        "chip.status & ~Status.DQ7",
    ),
    ("an erase while one is suspended", _CYCLES + ".erase_command", "chip.sectors.suspended", "False"),
    ("a chip erase at any address", _CYCLES + ".erase_command", "address == FIRST_ADDRESS", "True"),
    ("the end of an erase leaves DQ7", _CYCLES + ".timer_expired", "chip.status ^= Status.DQ7", "pass"),
    (
        "direct reads begin with the window",
        _CYCLES + ".timer_expired",
        "chip.sectors.direct_reads = True",
        "chip.sectors.direct_reads = False",
    ),
    ("an erase's status has no DQ2", _READS + ".predict_read", "Status.DQ2 | Status.DQ6", "Status.DQ6"),
    (
        "a program's status does not toggle",
        _READS + ".predict_read",
        "toggled = Status.DQ6 if chip.cmd == Command.PROGRAM else Status.DQ2 | Status.DQ6",
        "toggled = 0 if chip.cmd == Command.PROGRAM else Status.DQ2 | Status.DQ6",
    ),
    ("a suspended sector reads as data", _READS + ".predict_read", "chip.sectors.suspended", "False"),
    ("addresses of reads are not cut", "cfi02.reads._ADDRESS_BITS", "255", "4095"),
    ("no third identifier", _READS + ".read_identifier", "address == _EXTENDED_ID", "address == 0x0D"),
)
"""Name, place, what it holds once, and what takes its place; see `tests.live.mutants.Mutant`."""
