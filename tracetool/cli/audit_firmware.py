"""`tracetool audit-firmware`: the verdict on a firmware that is installed, without a guest of one's own."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import PROGRAM, Text, command
from tracetool.errors import InputError, UsageError
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracetool.recording.firmware import Firmware

_BOOTS = ("its variable store as it is delivered", "the store that boot 0 left")
_FILES = 2


def _names() -> Iterable[str]:
    from tracetool.recording.firmware import firmware_names

    return firmware_names()


@command()
@click.argument(
    "firmware",
    nargs=-1,
    required=True,
    type=Text("aavmf|ovmf|CODE VARS", _names),
    metavar="aavmf|ovmf|CODE VARS",
    help="An installed firmware by its name, or its two files.",
)
@options.run_folder(help="Keep the run directories, boot-0 and boot-1.")
@click.option("--qemu-binary", type=PROGRAM, help="The QEMU that boots it.")
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=50, metavar="SECONDS", help="How long one boot may take."
)
@options.who
@options.quiet
def audit_firmware(
    *, firmware: tuple[str, ...], output: str | None, qemu_binary: str | None, seconds: float, who: bool
) -> int:
    """Boot an installed firmware twice under trace, and say whether it wrote outside the extent of its flash.

    The first boot is with a copy of its variable store as it is delivered,
    the second with what the first left. A boot ends at the UEFI shell or
    the boot manager. No file of the firmware's is written to.

    Exit code as of audit.
    """
    found = _firmware(firmware)
    with _folder(output) as folder:
        runs = _booted(found, folder, qemu_binary or found.program, seconds, who=who)
        if output is None:
            common.say("the two runs are not kept; -o DIR keeps them")
        from tracetool.cli.audit import run_audit

        # What is not kept has no path that anybody could use.
        names = () if output is not None else [Path(run).name for run in runs]
        return run_audit(runs, names=names)


def _firmware(words: Sequence[str]) -> Firmware:
    from tracetool.recording.firmware import firmware_by_files, firmware_by_name

    if len(words) > _FILES:
        raise UsageError(f"{' '.join(words)}: give a name, or the two files CODE and VARS")
    return firmware_by_name(words[0]) if len(words) == 1 else firmware_by_files(*words)


@contextmanager
def _folder(output: str | None) -> Iterator[Path]:
    """The directory for the runs: one that is kept, or one for the time of the block."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="tracetool-") as name:
            yield Path(name)
        return
    folder = user_path(output)
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is no directory; name another with -o")
        folder.mkdir(exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: is not empty; name another directory with -o")
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}; name another directory with -o") from error
    yield folder


def _booted(firmware: Firmware, folder: Path, program: str, seconds: float, *, who: bool) -> list[str]:
    """Boot it as often as there are boots; the run directories."""
    from tracetool.recording.boot import Boot, drives_of
    from tracetool.recording.record import plan_recording, record

    try:
        drives = drives_of(firmware, folder)
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror}: no copy of the firmware's files") from error
    machine = ["-M", firmware.machine, *firmware.options, "-m", "256", "-accel", "tcg"]
    command = [program, *machine, "-display", "none", "-nodefaults", "-nic", "none", *drives]
    plan = plan_recording(command, who=who)
    runs = []
    common.say(f"{firmware.code} on {plan.about.name if plan.about else program}")
    for number, store in enumerate(_BOOTS):
        boot = Boot(folder / "qemu.txt", seconds)
        run = folder / f"boot-{number}"
        record(plan, run, boot.run)
        common.say(f"boot {number}, {store}: {boot.reached or 'stopped (--seconds)'} after {boot.seconds:.1f} s")
        runs.append(str(run))
    return runs
