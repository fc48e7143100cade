"""`make mutants`: break the model in one place after the other, and count the accesses until it shows.

A mutant is one change in a function or constant of `replay`, given as two pieces of Python. The place is found in the
syntax tree, so formatting and comments do not matter. The change is made in a copy of the package, which comes first
on the path of a new process and runs there as plain Python.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from replay.kernel_form import VARIABLE
from tests.captures import ROOT
from tests.live.cfi02_mutants import CFI02_MUTANTS

TIMEOUT_S = 900
PLAIN_ASSERTIONS = "--assert=plain"
"""With `CI=true` pytest explains a difference at any length, which takes minutes for an image."""


class Mutant(NamedTuple):
    """One change of the model, and the machines whose flash shows it.

    `place` is a function or constant, as `cycles.erase` or `cfi02.cycles.program`. `before` is an expression or a
    statement that it holds once, `after` what takes its place.

    `live` False: no QEMU of today's Debian shows it, since it is about another behaviour or event set. It is compared
    with the second model of the tests instead.
    """

    name: str
    place: str
    before: str
    after: str
    machines: tuple[str, ...] = ("virt-arm",)
    live: bool = True

    @property
    def file(self) -> str:
        """The changed file of `replay`."""
        return self.place.rpartition(".")[0].replace(".", "/") + ".py"


_TABLE = (
    Mutant(
        "a refused erase sets the program error",
        "cycles.erase",
        "chip.status |= Status.ERASE_ERROR",
        "chip.status |= Status.PROGRAM_ERROR",
    ),
    Mutant(
        "status in one chip lane too few",
        "reads.read_status",
        "size // chip.settings.chip",
        "size // chip.settings.chip - 1",
    ),
    Mutant(
        "status not repeated where no chip width is set",
        "reads.read_status",
        "chip.status << 16",
        "chip.status << 8",
        ("versatilepb",),
    ),
    Mutant("0x50 leaves the ready bit", "cycles.clear_status", "chip.status = 0", "chip.status = Status.READY"),
    Mutant("a reset leaves the status", "machine.power_up", "chip.status = Status.READY", "pass"),
    Mutant(
        "the window begins where it is opened",
        "contents.open_window",
        "offset // chip.settings.window * chip.settings.window",
        "offset",
    ),
    Mutant(
        "the last word of the window is refused",
        "contents.window_covers",
        "offset + size <= chip.window_start + chip.settings.window",
        "offset + size < chip.window_start + chip.settings.window",
    ),
    Mutant(
        "the window is that of one chip",
        "cfi.window_bytes",
        "chips << log2_buffer(bank_width)",
        "1 << log2_buffer(bank_width)",
    ),
    Mutant(
        "the last byte is not written back",
        "contents.settle",
        "copy_back(chip, low, high)",
        "copy_back(chip, low, high - 1)",
        ("q35-ovmf",),
    ),
    Mutant("a buffered write ends a word early", "cycles.data_cycle", "chip.counter == 0", "chip.counter == 1"),
    Mutant(
        "the count is as wide as the bank",
        "cycles.take_count",
        "chip.settings.chip or chip.settings.bank",
        "chip.settings.bank",
    ),
    Mutant(
        "an old program error does not drop a buffered write",
        "cycles.confirm_cycle",
        "confirmed and not chip.status & Status.PROGRAM_ERROR",
        "confirmed",
    ),
    Mutant(
        "a read-only flash is erased",
        "cycles.erase",
        "is_writable(chip, offset, 1)",
        "is_writable(chip, offset, 1) or chip.settings.read_only",
    ),
    Mutant(
        "an erase waits for its confirm",
        "cycles.erase",
        "contents.erase_block(chip, seq, low, min(low + block, chip.settings.size))",
        "contents.refuse(chip, low, block, False)",
        ("q35-ovmf",),
    ),
    Mutant(
        "an unaligned erase takes the block after",
        "cycles.erase",
        "offset // block * block",
        "min(-(-offset // block) * block, chip.settings.size - block)",
    ),
    Mutant(
        "locks take one confirm only",
        "cycles.confirm_lock",
        "(Opcode.CONFIRM, Opcode.LOCK_CONFIRM)",
        "(Opcode.CONFIRM,)",
    ),
    Mutant(
        "a program clears bits and sets none",
        "spans.put_word",
        "value & ((1 << 8 * size) - 1)",
        'value & int.from_bytes(target[at : at + size], "little")',
        ("q35-ovmf",),
    ),
    Mutant(
        "big-endian words lie the other way round",
        "spans.put_word",
        '"big" if big_endian else "little"',
        '"little"',
        ("virtex-ml507",),
    ),
    Mutant("a query entry is another", "cfi._FIXED_ENTRIES", "0x45", "0x46"),
    Mutant(
        "the query counts a block too many",
        "cfi.cfi_table",
        "geometry.size // geometry.block - 1",
        "geometry.size // geometry.block",
    ),
    Mutant(
        "an identifier in one chip lane only",
        "reads.read_identifier",
        "replicate(chip, chip.settings.manufacturer)",
        "chip.settings.manufacturer",
    ),
    Mutant(
        "an identifier at twice its offset",
        "reads.read_identifier",
        "at >> chip.settings.address_shift",
        "at >> (chip.settings.address_shift + 1)",
    ),
    Mutant(
        "identifiers change places",
        "reads.read_old_identifier",
        "chip.settings.manufacturer << 8 | chip.settings.device",
        "chip.settings.device << 8 | chip.settings.manufacturer",
        ("versatilepb",),
    ),
    Mutant("the old query reaches further", "reads.read_query", "offset & 0xFF", "offset & 0x1FF", ("versatilepb",)),
    Mutant(
        "the counter stops at zero",
        "cycles.data_cycle",
        "chip.counter != 0 or behaviour != Behaviour.STAGED_AT_DATA",
        "chip.counter != 0",
        live=False,
    ),
    Mutant("a reset clears the counter", "machine.power_up", "chip.cmd = 0", "chip.cmd = chip.counter = 0", live=False),
    Mutant(
        "direct writes back from the word on",
        "cycles.write_back_around",
        "offset // chip.settings.window * chip.settings.window",
        "offset",
        live=False,
    ),
    Mutant(
        "one word opens a window too",
        "cycles.data_cycle",
        "behaviour == Behaviour.STAGED_AT_DATA and chip.counter != 0",
        "behaviour == Behaviour.STAGED_AT_DATA",
        live=False,
    ),
)

_CFI02_MACHINES = ("musicpal-boot-sectors", "r2d")
_CFI02_TABLE = tuple(Mutant(*change, _CFI02_MACHINES) for change in CFI02_MUTANTS)

MUTANTS = {mutant.name: mutant for mutant in (*_TABLE, *_CFI02_TABLE)}

UNBROKEN = Mutant(
    "nothing is broken",
    "machine",
    "",
    "",
    ("virt-arm", "q35-ovmf", "versatilepb", "virtex-ml507", *_CFI02_MACHINES),
)
"""The same trial without a change. A difference here is not a mutant's doing."""


class Trial(NamedTuple):
    """Result of a trial: whether a difference was found, where, after how many accesses, and in what words."""

    found: bool
    where: str
    accesses: int
    words: str
    seconds: float = 0.0


class BrokenTrialError(Exception):
    """The trial failed, so it says nothing about the mutant."""


class _Replacement(ast.NodeTransformer):
    """Replaces each node that is equal to `before`, and counts them."""

    def __init__(self, before: str, after: str) -> None:
        self.before = ast.dump(_node(before))
        self.after = _node(after)
        self.count = 0

    def visit(self, node: ast.AST) -> ast.AST:
        if ast.dump(node) == self.before:
            self.count += 1
            return self.after
        return self.generic_visit(node)


def _node(text: str) -> ast.AST:
    """Syntax tree of one expression or statement."""
    (statement,) = ast.parse(text).body
    return statement.value if isinstance(statement, ast.Expr) else statement


def _named(statement: ast.stmt) -> str:
    """Name that a statement of a module defines, or nothing."""
    target: ast.AST = statement.target if isinstance(statement, ast.AnnAssign) else statement
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    return getattr(target, "name", "") or getattr(target, "id", "")


def broken_source(mutant: Mutant, source: str) -> str:
    """Source of the changed file.

    Raises:
        BrokenTrialError: the place is gone, or does not hold `before` exactly once: the table is out of date.
    """
    tree = ast.parse(source)
    replacement = _Replacement(mutant.before, mutant.after)
    for statement in tree.body:
        if _named(statement) == mutant.place.rpartition(".")[2]:
            replacement.visit(statement)
    if replacement.count != 1:
        raise BrokenTrialError(f"{mutant.place} has {mutant.before!r} {replacement.count} times")
    return ast.unparse(tree)


def copy_broken(mutant: Mutant, folder: Path) -> None:
    """Copy `replay` into the folder, with the mutant's change."""
    package = folder / "replay"
    shutil.copytree(ROOT / "replay", package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    if mutant.before:
        path = package / mutant.file
        path.write_text(broken_source(mutant, path.read_text(encoding="utf-8")), encoding="utf-8")


def try_mutant(mutant: Mutant) -> Trial:
    """Break the model in a new process, and compare it with live flashes or with the second model."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        copy_broken(mutant, folder)
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
    return Trial(**json.loads(done.stdout.splitlines()[-1]))


def _environment(folder: Path) -> dict[str, str]:
    """Environment in which the broken copy is imported, and everything runs as plain Python."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "1",
        VARIABLE: "plain",
        "HYPOTHESIS_PROFILE": "found",
    }


def main() -> int:
    """Try all mutants, or the named ones, and print a line for each; 1 when one was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *MUTANTS], help="only these")
    names = parser.parse_args().name or list(MUTANTS)
    chosen = [UNBROKEN, *(MUTANTS[name] for name in names)]
    escaped = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, trial in zip(chosen, pool.map(try_mutant, chosen), strict=True):
            escaped += trial.found == (mutant is UNBROKEN)
            sys.stdout.write(_line(mutant, trial) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(names)} mutants, {len(names) - escaped} noticed\n")
    return 1 if escaped else 0


def _line(mutant: Mutant, trial: Trial) -> str:
    verdict = "noticed" if trial.found else "equal" if mutant is UNBROKEN else "UNNOTICED"
    after = f"{trial.where:<12}  {trial.accesses:>6,} accesses  {trial.words[:100]}"
    return f"{mutant.name:<52} {verdict:<9}  {after}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
