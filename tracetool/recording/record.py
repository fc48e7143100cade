"""Recording of a run: copies the images, runs the guest under trace, and describes the result in a run directory."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from signal import Signals as Signal
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import EmulatorError, InputError, MissingDependencyError, TracetoolError, UsageError
from tracetool.events import ACCESSES
from tracetool.images import load_image
from tracetool.ingest import open_trace
from tracetool.qemu.about import about
from tracetool.qemu.machines import machine_type_of
from tracetool.qemu.option_syntax import doubled
from tracetool.qemu.program import is_qemu, program_path
from tracetool.recording.arguments import read_command_line
from tracetool.recording.guest import DiskWatch
from tracetool.recording.images import Part, format_of, in_use, measured, saved
from tracetool.recording.plugin import WHO_LOG, plugin_for, plugin_options
from tracetool.recording.rerun import REPLAY_LOG, check_rerunnable, record_options
from tracetool.runs.directory import RunDirectory, read_run_directory, write_run
from tracetool.runs.place import is_run_directory
from tracetool.runs.run import FINISHED, NOT_STARTED, RECORDING, Flash, Run, SavedImage
from tracetool.uefi.store import find_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracetool.qemu.about import About
    from tracetool.recording.arguments import CommandLine, FlashDrive
    from tracetool.recording.guest import GuestEnd, Signals

__all__ = ["Plan", "Recorded", "claim", "launches_qemu", "plan_recording", "record"]

_RESERVE = ".reserve"
_RESERVE_BYTES = 1 << 16
"""Disk space reserved for the last `run.json`, should QEMU's log fill the disk."""


@dataclass(frozen=True)
class Plan:
    """Plan of a recording: the parsed command line and the QEMU's properties, None if it did not respond.

    `program` is the absolute path that `command` resolves to, for queries and the run alike. `launcher`: the user's
    command, where that started the QEMU. `plugin`: the compiled plugin that logs which code made each access.
    `rerunnable`: QEMU records what it needs to replay the run.
    """

    command: tuple[str, ...]
    program: str
    line: CommandLine
    about: About | None
    backend: str
    launcher: tuple[str, ...] = ()
    plugin: Path | None = None
    rerunnable: bool = False


@dataclass(frozen=True)
class Recorded:
    """Finished run and the end of its guest."""

    directory: RunDirectory
    end: GuestEnd


def plan_recording(
    command: Sequence[str], backend: str = "log", *, who: bool = False, rerunnable: bool = False
) -> Plan:
    """Parse a command line and query its QEMU. With `who` the plugin goes with it, compiled if need be.

    With `rerunnable` QEMU records what it needs to replay the run.

    Raises:
        UsageError: it cannot be recorded; has the reason.
        MissingDependencyError: no such QEMU, or no compiler for the plugin.
    """
    line = read_command_line(command[1:])
    if rerunnable:
        check_rerunnable(command[1:], line)
    program = program_path(command[0])
    try:
        found = about(program)
    except EmulatorError:
        # QEMU reports the problem itself when it is run.
        return Plan(tuple(command), program, line, None, "log")
    if backend not in found.backends:
        others = " and ".join(sorted(found.backends)) or "neither log nor simple, so its events cannot be recorded"
        raise UsageError(f"--backend {backend}: {found.name} was built without it; it has {others}")
    plugin = plugin_for(line, found) if who else None
    return Plan(tuple(command), program, line, found, backend, plugin=plugin, rerunnable=rerunnable)


def launches_qemu(command: Sequence[str]) -> bool:
    """True if a command is not a QEMU itself, so that only the QEMUs it starts can be recorded.

    Only a program with a flash in its arguments is queried: a script might start a guest.

    Raises:
        MissingDependencyError: no such program.
    """
    program = program_path(command[0])
    if is_qemu(program):
        return False
    if any(is_qemu(argument) for argument in command[1:]):
        return True
    try:
        read_command_line(command[1:])
        about(program)
    except (UsageError, EmulatorError):
        return True
    return False


def record(
    plan: Plan, folder: Path, run: Callable[[Sequence[str]], GuestEnd], signals: Signals | None = None
) -> Recorded:
    """Copy the images, run the guest with `run`, and complete the run directory `folder`.

    From the guest's start on `signals` forwards signals; before, they end this process, and the directory is removed.

    Raises:
        UsageError: the directory is in use.
        InputError: an image cannot be copied; the guest was not started, and the directory is removed.
        MissingDependencyError: the guest cannot be run.
    """
    recording = _Recording(plan, folder)
    claim(folder)
    with contextlib.ExitStack() as taken:
        with contextlib.ExitStack() as unstarted:
            unstarted.callback(shutil.rmtree, folder)
            recording.begin()
            if signals is not None:
                taken.enter_context(signals.forwarded())
            unstarted.pop_all()
        try:
            with DiskWatch(folder) as disk:
                end = run(recording.run.arguments)
        except MissingDependencyError:
            shutil.rmtree(folder)
            raise
        recording.finish(end, ran_full=disk.ran_full)
    return Recorded(RunDirectory(str(folder), recording.run), end)


def claim(folder: Path) -> None:
    """Create the run directory, replacing one whose guest never started.

    Raises:
        UsageError: it is not empty.
    """
    if "%" in str(folder.absolute()):
        raise UsageError(f"{folder}: QEMU takes a % in the name of its log for a pattern; name another directory")
    with contextlib.suppress(InputError):
        if is_run_directory(folder) and read_run_directory(str(folder)).run.state == NOT_STARTED:
            shutil.rmtree(folder)
    try:
        folder.mkdir()
    except FileExistsError as error:
        if not folder.is_dir() or any(folder.iterdir()):
            raise UsageError(f"{folder}: exists and is not empty; name another directory with -o") from error
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}; name another directory with -o") from error


class _Recording:
    """Run directory in progress; `run` is the content of `run.json`."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self.run = _described(plan, folder)

    def begin(self) -> None:
        """Copy the images before the run."""
        try:
            (self._folder / _RESERVE).write_bytes(bytes(_RESERVE_BYTES))
            self._write()
            for flash in self.run.flashes:
                before = _copy(flash, self._folder, "before")
                self._replace(flash, before=before)
            if self._plan.plugin is not None:
                options = plugin_options(self._plan.plugin, self.run, self._folder, self._folder.absolute() / WHO_LOG)
                self.run = replace(self.run, arguments=(*self.run.arguments, *options), who=WHO_LOG)
            if self._plan.rerunnable:
                options = record_options(self._folder.absolute() / REPLAY_LOG)
                self.run = replace(self.run, arguments=(*self.run.arguments, *options), replay_log=REPLAY_LOG)
        except OSError as error:
            where = error.filename or self._folder
            raise InputError(f"{where}: {error.strerror}: no copy of the image; the guest was not started") from error
        self.run = replace(self.run, started=time.time())
        self._write()

    def finish(self, end: GuestEnd, *, ran_full: bool) -> None:
        """Copy the images and complete `run.json` after the run, even if parts fail."""
        (self._folder / _RESERVE).unlink(missing_ok=True)
        cut = "the disk ran full while the guest ran: events may be missing" if ran_full else end.cut
        self.run = replace(
            self.run,
            state=FINISHED,
            ended=time.time(),
            exit_code=end.exit_code,
            signal=end.signal,
            cut=cut,
            relayed=tuple(Signal(number).name for number in end.relayed),
            stopped_after=end.stopped_after,
        )
        if end.failed and not self._has_accesses():
            self.run = replace(self.run, state=NOT_STARTED)
        self._write_if_possible()
        self._keep_hash()
        for flash in self.run.flashes:
            self._keep_after(flash)
        self._write_if_possible()

    def _keep_hash(self) -> None:
        """Note the hash of the log of the guest's code, by which another run's is told from it."""
        if self.run.who is not None:
            with contextlib.suppress(OSError), (self._folder / self.run.who).open("rb") as file:
                self.run = replace(self.run, who_sha256=hashlib.file_digest(file, "sha256").hexdigest())

    def _keep_after(self, flash: Flash) -> None:
        after: SavedImage | None
        try:
            after = self._unchanged(flash)
            after = after or _copy(flash, self._folder, "after")
        except (OSError, TracetoolError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            what = f"{flash.name or f'flash of unit {flash.unit}'}: its image after the run was not copied: {reason}"
            self.run = replace(self.run, missing=(*self.run.missing, what))
            after = self._measured(flash)
        self._replace(flash, after=after)

    def _unchanged(self, flash: Flash) -> SavedImage | None:
        """Return the copy from before the run if a code flash is unchanged, which saves a second one."""
        if not flash.read_only or flash.format != "raw" or flash.before is None:
            return None
        found = measured(Path(flash.image), Part(flash.offset, flash.size))
        return flash.before if found.sha256 == flash.before.sha256 else None

    def _measured(self, flash: Flash) -> SavedImage | None:
        with contextlib.suppress(OSError):
            return measured(Path(flash.image), Part(flash.offset, flash.size)) if flash.format == "raw" else None
        return None

    def _replace(self, flash: Flash, **changes: SavedImage | None) -> None:
        changed = replace(flash, **changes)  # type: ignore[arg-type]
        changed = _with_extent(changed, self._folder)
        flashes = tuple(changed if other.unit == flash.unit else other for other in self.run.flashes)
        self.run = replace(self.run, flashes=flashes)

    def _has_accesses(self) -> bool:
        """True if the trace has accesses, which the flash's reset precedes at QEMU's start."""
        try:
            chunks = open_trace(str(self._folder / self.run.trace)).chunks()
            return any(chunk["event"].cast(pl.String).is_in(ACCESSES).any() for chunk in chunks)
        except InputError:
            return False

    def _write(self) -> None:
        write_run(self._folder, self.run)

    def _write_if_possible(self) -> None:
        """Write `run.json` if there is space; else the older one stays, in state `RECORDING`."""
        with contextlib.suppress(OSError):
            self._write()


# --- description before the run ----------------------------------------------------------------------------------


def _described(plan: Plan, folder: Path) -> Run:
    """Describe the planned run.

    Raises:
        InputError: an image is unreadable.
    """
    about, line = plan.about, plan.line
    machine = line.machine or (about.default_machine if about is not None else None)
    kind = machine_type_of(machine, about.architecture) if machine and about else None
    trace = f"trace.{plan.backend}"
    slots = [slot.device for slot in kind.slots] if kind is not None else []
    flashes = [_flash(drive, slots) for drive in line.flashes]
    unnamed = [flash for flash in flashes if flash.name is None]
    unknown = f"which device a drive is of is not known for the machine {machine}: give --image DEV=FILE"
    return Run(
        state=RECORDING,
        command=plan.command,
        arguments=(plan.program, *plan.command[1:], *_trace_options(plan, folder.absolute() / trace)),
        folder=str(Path.cwd()),
        program=plan.program,
        version=about.version if about is not None else None,
        architecture=about.architecture if about is not None else None,
        machine=machine,
        board=kind.board if kind is not None else None,
        backend=plan.backend,
        trace=trace,
        flashes=tuple(flashes),
        missing=(unknown,) if unnamed else (),
        notes=line.notes,
        executable=about.executable if about is not None else None,
        launcher=plan.launcher,
    )


def _flash(drive: FlashDrive, slots: Sequence[str]) -> Flash:
    path = Path(drive.image.path).absolute()
    form = format_of(path, drive.image.format)  # before anything else opens it
    if not drive.image.read_only and in_use(path):
        raise InputError(f"{path}: another QEMU has it open for writing; end that guest first, or give a copy")
    name = slots[drive.unit] if drive.unit < len(slots) else None
    return Flash(
        drive.unit,
        name,
        drive.image.read_only,
        str(path),
        form,
        snapshot=drive.image.snapshot,
        offset=drive.image.part.offset,
        size=drive.image.part.size,
    )


def _trace_options(plan: Plan, trace: Path) -> list[str]:
    """Return the options with which this QEMU traces its flash to a file, with timestamps."""
    times = [] if plan.line.timestamps else ["-msg", "timestamp=on"]
    if plan.backend == "simple":
        return ["-trace", f"pflash*,file={doubled(str(trace))}"]
    return ["-trace", "pflash*", "-D", os.fspath(trace), *times]


def _copy(flash: Flash, folder: Path, moment: str) -> SavedImage:
    """Copy a flash's image to the run directory. Raises the errors of `saved`."""
    name = f"{moment}/{flash.name or f'unit{flash.unit}'}.fd"
    return saved(Path(flash.image), flash.format, folder, name, Part(flash.offset, flash.size))


def _with_extent(flash: Flash, folder: Path) -> Flash:
    """Add the extent from the variable store in the image, before or after the run."""
    for moment, image in (("before", flash.before), ("after", flash.after)):
        if image is None or image.file is None:
            continue
        store = find_store(load_image(folder / image.file, limit=image.bytes)) if image.bytes else None
        if store is not None:
            source = f"FvLength of the variable store {moment} the run"
            return replace(flash, extent_bytes=store.end, extent_source=source)
    return flash
