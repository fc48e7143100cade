"""`make mutants`: the model broken in one place after the other, and how long each stays unnoticed.

A mutant is a change of the source of `replay`. It is made in a copy of the package, which then comes first on the path
of a process of its own, which runs it as plain Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from replay.form import VARIABLE
from tests.captures import ROOT

TIMEOUT_S = 300


class Mutant(NamedTuple):
    """One broken place: what it is called, the file, the texts that are replaced, and the machines that show it.

    `live` False: no QEMU of today's Debian shows it, since it is about another behaviour or event set; it is then
    held against the second model of the tests.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    machines: tuple[str, ...] = ("virt-arm",)
    live: bool = True


def _mutant(name: str, file: str, before: str, after: str, *machines: str, live: bool = True) -> Mutant:
    return Mutant(name, file, ((before, after),), machines or ("virt-arm",), live)


_TABLE = (
    _mutant("a refused erase sets the program error", "cycles.py", "|= Status.ERASE_ERROR", "|= Status.PROGRAM_ERROR"),
    _mutant(
        "status in one chip lane too few",
        "reads.py",
        "range(1, size // chip.settings.chip)",
        "range(1, size // chip.settings.chip - 1)",
    ),
    _mutant(
        "status not repeated where no chip width is set",
        "reads.py",
        "word |= chip.status << 16",
        "word |= chip.status << 8",
        "versatilepb",
    ),
    _mutant("0x50 leaves the ready bit", "cycles.py", "chip.status = 0\n", "chip.status = Status.READY\n"),
    _mutant("a reset leaves the status", "machine.py", "    chip.status = Status.READY\n", ""),
    _mutant(
        "the window begins where it is opened",
        "contents.py",
        "chip.window_start = offset // chip.settings.window * chip.settings.window",
        "chip.window_start = offset",
    ),
    _mutant(
        "the last word of the window is refused",
        "contents.py",
        "and offset + size <= chip.window_start + chip.settings.window",
        "and offset + size < chip.window_start + chip.settings.window",
    ),
    _mutant("the window is that of one chip", "cfi.py", "return chips << log2_buffer", "return 1 << log2_buffer"),
    _mutant(
        "the last byte is not written back",
        "contents.py",
        "    else:\n        copy_back(chip, low, high)\n",
        "    else:\n        copy_back(chip, low, high - 1)\n",
        "q35-ovmf",
    ),
    _mutant(
        "a buffered write ends a word early",
        "cycles.py",
        "    if chip.counter == 0:\n        chip.wcycle = 3",
        "    if chip.counter == 1:\n        chip.wcycle = 3",
    ),
    _mutant(
        "the count is as wide as the bank",
        "cycles.py",
        "width = chip.settings.chip or chip.settings.bank",
        "width = chip.settings.bank",
    ),
    _mutant(
        "an old program error does not drop a buffered write",
        "cycles.py",
        "elif confirmed and not chip.status & Status.PROGRAM_ERROR:",
        "elif confirmed:",
    ),
    _mutant(
        "a read-only flash is erased",
        "cycles.py",
        "if is_writable(chip, offset, 1):",
        "if is_writable(chip, offset, 1) or chip.settings.read_only:",
    ),
    _mutant(
        "an erase waits for its confirm",
        "cycles.py",
        "        contents.erase_block(chip, seq, low, min(low + block, chip.settings.size))",
        "        contents.refuse(chip, low, block, False)",
        "q35-ovmf",
    ),
    _mutant(
        "an unaligned erase takes the block after",
        "cycles.py",
        "low = offset // block * block",
        "low = min(-(-offset // block) * block, chip.settings.size - block)",
    ),
    _mutant(
        "locks take one confirm only", "cycles.py", "in (Opcode.CONFIRM, Opcode.LOCK_CONFIRM):", "in (Opcode.CONFIRM,):"
    ),
    _mutant(
        "a program clears bits and sets none",
        "spans.py",
        "(value & ((1 << 8 * size) - 1))",
        '(value & int.from_bytes(target[at : at + size], "little"))',
        "q35-ovmf",
    ),
    _mutant(
        "big-endian words lie the other way round",
        "spans.py",
        '"big" if big_endian else "little"',
        '"little"',
        "virtex-ml507",
    ),
    _mutant("a query entry is another", "cfi.py", "0x1B: 0x45", "0x1B: 0x46"),
    _mutant(
        "the query counts a block too many",
        "cfi.py",
        "geometry.size // geometry.block - 1",
        "geometry.size // geometry.block",
    ),
    _mutant(
        "an identifier in one chip lane only",
        "reads.py",
        "replicate(chip, chip.settings.manufacturer)",
        "chip.settings.manufacturer",
    ),
    _mutant(
        "an identifier at twice its offset",
        "reads.py",
        "index = (at >> chip.settings.address_shift)",
        "index = (at >> (chip.settings.address_shift + 1))",
    ),
    _mutant(
        "identifiers change places",
        "reads.py",
        "chip.settings.manufacturer << 8 | chip.settings.device",
        "chip.settings.device << 8 | chip.settings.manufacturer",
        "versatilepb",
    ),
    _mutant(
        "the old query reaches further",
        "reads.py",
        "query_entry(chip, (offset & 0xFF)",
        "query_entry(chip, (offset & 0x1FF)",
        "versatilepb",
    ),
    _mutant(
        "the counter stops at zero",
        "cycles.py",
        "if chip.counter != 0 or behaviour != Behaviour.STAGED_AT_DATA:",
        "if chip.counter != 0:",
        live=False,
    ),
    _mutant(
        "a reset clears the counter",
        "machine.py",
        "    chip.cmd = 0\n    chip.wcycle = 0\n",
        "    chip.cmd = 0\n    chip.counter = 0\n    chip.wcycle = 0\n",
        live=False,
    ),
    _mutant(
        "direct writes back from the word on",
        "cycles.py",
        "    start = offset // chip.settings.window * chip.settings.window\n    contents.write_back(",
        "    start = offset\n    contents.write_back(",
        live=False,
    ),
    _mutant(
        "one word opens a window too",
        "cycles.py",
        "elif behaviour == Behaviour.STAGED_AT_DATA and chip.counter != 0:",
        "elif behaviour == Behaviour.STAGED_AT_DATA:",
        live=False,
    ),
)

MUTANTS = {mutant.name: mutant for mutant in _TABLE}

UNBROKEN = Mutant("nothing is broken", "machine.py", (), ("virt-arm", "q35-ovmf", "versatilepb", "virtex-ml507"))
"""The same trial without a change: nothing may be found, or what is found is not the mutant's doing."""


class Caught(NamedTuple):
    """What became of a mutant: whether it was noticed, by what, after how many accesses, and in what words."""

    found: bool
    where: str
    accesses: int
    words: str
    seconds: float = 0.0


class BrokenTrialError(Exception):
    """The trial itself went wrong, so it says nothing of the mutant."""


def copied(mutant: Mutant, folder: Path) -> None:
    """Copy `replay` into the folder, with the mutant's change.

    Raises:
        BrokenTrialError: the text that it replaces is not in the source, or not once: the table is out of date.
    """
    package = folder / "replay"
    shutil.copytree(ROOT / "replay", package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    source = package / mutant.file
    text = source.read_text(encoding="utf-8")
    for before, after in mutant.edits:
        if text.count(before) != 1:
            raise BrokenTrialError(f"{mutant.file} has {before!r} {text.count(before)} times")
        text = text.replace(before, after)
    source.write_text(text, encoding="utf-8")


def tried(mutant: Mutant) -> Caught:
    """Break the model in a process of its own, and hold it against live flashes or against the second model."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        copied(mutant, folder)
        module = "tests.live.mutant_trial"
        what = json.dumps([list(mutant.machines), mutant.live])
        done = subprocess.run(
            [sys.executable, "-m", module, str(folder), what],
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise BrokenTrialError(f"{mutant.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Caught(**json.loads(done.stdout.splitlines()[-1]))


def _environment(folder: Path) -> dict[str, str]:
    """The broken copy comes first, and all is plain: what is compiled of the rest needs the right copy."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "1",
        VARIABLE: "plain",
        "HYPOTHESIS_PROFILE": "found",
    }


def main() -> int:
    """Try all mutants, or those named, and print a line for each; 1 where one was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *MUTANTS], help="only these")
    names = parser.parse_args().name or list(MUTANTS)
    chosen = [UNBROKEN, *(MUTANTS[name] for name in names)]
    escaped = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, caught in zip(chosen, pool.map(tried, chosen), strict=True):
            escaped += caught.found == (mutant is UNBROKEN)
            sys.stdout.write(_line(mutant, caught) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(names)} mutants, {len(names) - escaped} noticed\n")
    return 1 if escaped else 0


def _line(mutant: Mutant, caught: Caught) -> str:
    verdict = "noticed" if caught.found else "equal" if mutant is UNBROKEN else "UNNOTICED"
    after = f"{caught.where:<12}  {caught.accesses:>6,} accesses  {caught.words[:100]}"
    return f"{mutant.name:<52} {verdict:<9}  {after}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
