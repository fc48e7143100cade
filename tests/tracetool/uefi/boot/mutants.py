"""Rules of the boot, each broken in one place; the tests of this folder must show every one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.captures import ROOT
from tests.live.mutants import PLAIN_ASSERTIONS, TIMEOUT_S, Mutant, broken_source

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGES = ("tracetool", "uefi", "boot")

_TABLE = (
    Mutant("F1 takes any GUID", "flash_driver._volume_fault", "aavmf and guid != SYSTEM_NV_DATA", "False"),
    Mutant("F1 adds up no checksum", "flash_driver._volume_fault", "_sum(contents, length)", "0"),
    Mutant(
        "F1 leaves the spare",
        "flash_driver._accept_aavmf",
        "contents.erase(0, firmware.volume_bytes)",
        "contents.erase(0, firmware.store_bytes)",
    ),
    Mutant(
        "F2 takes any block length",
        "flash_driver._volume_fault",
        "not aavmf and block_bytes != firmware.block_bytes",
        "False",
    ),
    Mutant(
        "F2 writes a store header", "flash_driver._accept_ovmf", "firmware.headers[:HEADER_BYTES]", "firmware.headers"
    ),
    Mutant("F3 knows no 0x70", "flash_driver.is_absent", "STATUS_BYTES", "STATUS_BYTES[:2]"),
    Mutant("F4 takes any state", "flash_driver._unsound_variable", "header.state not in _STATES", "False"),
    Mutant("F4 takes any name", "flash_driver._unsound_variable", "header.name_bytes % 2", "0"),
    Mutant(
        "F4 looks at the name of a header alone",
        "flash_driver._unsound_variable",
        "header.state != State.HEADER_VALID",
        "True",
    ),
    Mutant(
        "F4 steps over what differs",
        "flash_driver._Latest",
        "store.common_length(before)",
        "store.common_length(store)",
    ),
    Mutant("F5 compares no size", "flash_driver.size_is_wrong", "store.end == firmware.store_bytes", "True"),
    Mutant(
        "W1 does not look into the spare",
        "write_queue._settle_header",
        "contents.part(firmware.spare, WORKING_BYTES) != firmware.queue_header",
        "True",
    ),
    Mutant("W1 keeps an open write", "write_queue._settle_header", "last.write is not None", "False"),
    Mutant(
        "W2 fills the queue to its end",
        "write_queue.finish_writes",
        "firmware.working_bytes - last.offset < _LEAST_BYTES",
        "False",
    ),
    Mutant("W4 drops nothing", "write_queue._drop", "first and not record.spare_complete", "False"),
    Mutant("W5 marks nothing", "write_queue._drop", "final and record.destination_complete", "False"),
    Mutant("W6 trusts torn counts", "write_queue.finish_writes", "last.behind > firmware.working_bytes", "False"),
    Mutant(
        "W6 counts beyond 64 bits",
        "write_queue._last",
        "(WRITE_BYTES + last.writes * (RECORD_BYTES + last.private_bytes)) % _POINTERS",
        "WRITE_BYTES + last.writes * (RECORD_BYTES + last.private_bytes)",
    ),
    Mutant(
        "W6 leaves what is behind the last write",
        "write_queue.finish_writes",
        "not last.tail_erased",
        "False",
    ),
    Mutant(
        "W7 writes one block",
        "write_queue.target_of",
        "-(-(record.block_offset + record.length) // firmware.block_bytes) * firmware.block_bytes",
        "firmware.block_bytes",
    ),
    Mutant(
        "W7 leaves the spare",
        "write_queue._recover",
        "contents.erase(firmware.spare, firmware.volume_bytes)",
        "pass",
    ),
    Mutant(
        "W7 does not mark the destination",
        "write_queue._recover",
        "contents.clear_bits(firmware.working + record.offset, RecordFlag.DESTINATION_COMPLETE)",
        "pass",
    ),
    Mutant(
        "W8 drops the open write",
        "write_queue.empty_queue",
        "firmware.queue_header + open_write",
        "firmware.queue_header",
    ),
    Mutant(
        "V1 takes any volume GUID",
        "variable_driver.is_usable",
        "contents.part(0x10, 16) != SYSTEM_NV_DATA",
        "False",
    ),
    Mutant("V1 takes any state", "variable_driver.is_usable", "not store.usable", "False"),
    Mutant("V5 does not reclaim", "order._start", "reclaims or not store.tail_erased", "reclaims"),
    Mutant("V5 drops copies in transition", "variable_driver._kept", "[*added, *alone]", "added"),
    Mutant("V5 keeps them in transition", "variable_driver._copied", "raw[2] = State.ADDED", "pass"),
    Mutant("V6 takes what reaches beyond", "variable_driver.Taken", "copy.header.data_end > end", "False"),
    Mutant(
        "V6 asks every copy",
        "variable_driver.Taken",
        "copy.header.state in _CURRENT and copy.header.data_end > end",
        "copy.header.data_end > end",
    ),
    Mutant(
        "V4 knows copies that differ",
        "variable_driver._Latest",
        "store.common_length(before)",
        "store.common_length(store)",
    ),
    Mutant(
        "V4 keeps copies that are gone",
        "variable_driver._Latest",
        "current.without(taken.copies[known:])",
        "current.without(())",
    ),
    Mutant(
        "V8 reclaims one byte early",
        "variable_driver.reclaim",
        "header.end - end < firmware.least_free",
        "header.end - end <= firmware.least_free",
    ),
    Mutant(
        "V8 writes nothing",
        "variable_driver.reclaim",
        "_write_anew(last, firmware, taken, writes)",
        "None",
    ),
    Mutant("O1 reads the store again", "order._go_on", "run.taken_up = memory.current", "run.taken_up = flash.current"),
    Mutant("O1 does no damage", "order._go_on", "hit is not None", "False"),
    Mutant("O1 does not see bytes behind the list", "order._go_on", "not memory.tail_erased", "False"),
    Mutant("O2 is O1", "order._go_on", "not _is_beginning(before, after)", "False"),
    Mutant("O3 goes on", "order._read_then_recover", "not usable", "False"),
    Mutant("O4 keeps the queue", "order._read_then_recover", "empty_queue(run.contents, run.firmware)", "pass"),
    Mutant("O5 is O2", "order._go_on", "before == after", "False"),
    Mutant(
        "OVMF recovers first",
        "order._run",
        "_recover_then_read(run) if firmware.recovers_first else _read_then_recover(run)",
        "_recover_then_read(run)",
    ),
)

RULE_MUTANTS = {mutant.name: mutant for mutant in _TABLE}


def copy_with(mutant: Mutant | None, folder: Path) -> None:
    """Make a copy of the package in the folder, with the mutant's change; all but the modules of the boot are links."""
    source, target = ROOT, folder
    for name in _PACKAGES:
        source, target = source / name, target / name
        target.mkdir()
        for entry in source.iterdir():
            if entry.name not in (*_PACKAGES, "__pycache__"):
                (target / entry.name).symlink_to(entry)
    if mutant is not None:
        path = target / mutant.file
        text = broken_source(mutant, path.read_text(encoding="utf-8"))
        path.unlink()
        path.write_text(text, encoding="utf-8")


def failing_test(folder: Path) -> str:
    """The first test of this folder that fails with the copy in a folder; empty where none does."""
    tests = ROOT.joinpath("tests", *_PACKAGES)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not live and not slow", "--tb=no", PLAIN_ASSERTIONS]
    arguments = [str(tests), f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *options]
    code = "import sys, pytest, tracetool.uefi.boot as b; assert b.__file__.startswith(sys.argv[1]); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code} sys.exit(pytest.main(sys.argv[2:]))", str(folder), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "found"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return next((line for line in done.stdout.splitlines() if line.startswith("FAILED")), "")
