"""Runs that can be run again: QEMU records what comes from outside, and replays the run, with a plugin if asked.

Ref: QEMU's docs/system/replay. What was seen (QEMU 7.2, AAVMF and OVMF): the trace of a replay is that of the
recording, byte for byte, also with a plugin; and a QEMU that was ended from outside does not end when it is replayed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError, MissingDependencyError, UsageError
from tracetool.events import EVENTS_SCHEMA
from tracetool.ingest import open_trace
from tracetool.qemu.about import about
from tracetool.qemu.option_syntax import doubled, parse, split
from tracetool.recording.arguments import read_command_line
from tracetool.recording.images import saved
from tracetool.recording.plugin import WHO_LOG, plugin_for, plugin_options
from tracetool.runs.directory import write_run
from tracetool.sanitize import sanitize
from tracetool.sparse_file import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.qemu.about import About
    from tracetool.recording.arguments import CommandLine
    from tracetool.runs.directory import RunDirectory
    from tracetool.runs.run import Run

__all__ = ["REPLAY_LOG", "check_rerunnable", "record_options", "rerun_with_plugin"]

REPLAY_LOG = "replay.bin"
"""Name of QEMU's recording in a run directory."""

_EVENT = b"pflash_"
_LOOK_S = 0.1
_STALL_S = 20
"""Time without a new event and without work, after which a replay is given up."""

_WORK_S = 0.5
"""Processor time in `_STALL_S` that counts as work: an idle guest of a replay takes some too."""

_PATIENCE_S = 20
_DISKS = ("hda", "hdb", "hdc", "hdd", "cdrom", "sd", "mtdblock", "fda", "fdb", "virtfs")
_STATES = ("incoming", "loadvm")
_NETWORKS = ("nic", "net", "netdev")


# --- recording ---------------------------------------------------------------------------------------------------


def check_rerunnable(arguments: Sequence[str], line: CommandLine) -> None:
    """Raise UsageError for options with which QEMU could not replay the run; says what to change."""
    if line.accelerator not in (None, "tcg"):
        raise UsageError(f"--rr: {line.accelerator} cannot be recorded; give -accel tcg in its place")
    given = [(re.sub(r"^--?", "", name), value) for name, value in pairwise([*arguments, ""]) if name.startswith("-")]
    names = {name for name, _ in given}
    if "icount" in names:
        raise UsageError("--rr: -icount is set by the recorder; leave it out")
    for name in _STATES:
        if name in names:
            raise UsageError(f"--rr: -{name}: only a guest that starts anew can be replayed; leave it out")
    networks = [value for name, value in given if name in _NETWORKS and value != "none"]
    silent = "nodefaults" in names or any(name in _NETWORKS for name in names)
    if (networks or not silent) and not any("filter-replay" in value for _, value in given):
        raise UsageError(
            "--rr: what comes from a network is not recorded; give -nic none, or add -object filter-replay"
        )
    if any("blkreplay" in value for _, value in given):
        return
    for name, value in given:
        disk = name == "drive" and parse(value).get("if") not in ("pflash", "none")
        if disk or name in _DISKS or (name == "device" and "drive" in parse(value, "driver")):
            raise UsageError(
                f"--rr: -{name} {value}: a disk is replayed only through blkreplay; leave it out, or add it"
            )


def record_options(log: Path) -> list[str]:
    """QEMU's options to record a run."""
    return ["-icount", f"shift=auto,rr=record,rrfile={doubled(str(log))}"]


# --- replay ------------------------------------------------------------------------------------------------------


def rerun_with_plugin(directory: RunDirectory) -> None:
    """Replay a run with the plugin, and keep its log in the run directory.

    Raises:
        InputError: the run has no recording, is not as it was, or its replay went otherwise.
        UsageError: QEMU, or the machine, does not do for the plugin.
        MissingDependencyError: there is no such QEMU, or no compiler.
    """
    run, folder = directory.run, Path(directory.path)
    if run.replay_log is None or not (folder / run.replay_log).is_file():
        raise InputError(f"{folder}: holds no recording to replay: record the run with tracetool record --rr, or --who")
    line = read_command_line(run.command[1:])
    found = about(run.program)
    plugin = plugin_for(line, found)
    _require_same(found, run)
    with tempfile.TemporaryDirectory(prefix="tracetool-") as name:
        place = Path(name)
        trace, log = place / "trace.log", place / WHO_LOG
        arguments = [
            run.program,
            *_without_flashes(run.command[1:]),
            *_drives(directory, place),
            *("-trace", "pflash*", "-D", str(trace)),
            *("-icount", f"shift=auto,rr=replay,rrfile={doubled(str((folder / run.replay_log).absolute()))}"),
            *plugin_options(plugin, run, folder, log),
        ]
        recorded = _events(directory.trace)
        _replay(arguments, run.folder, place, len(recorded))
        _require_equal(folder, recorded, _events(str(trace)) if trace.is_file() else recorded.clear())
        try:
            shutil.copyfile(log, folder / f".{WHO_LOG}.tmp")
            (folder / f".{WHO_LOG}.tmp").replace(folder / WHO_LOG)
            write_run(folder, replace(run, who=WHO_LOG, who_sha256=sha256_of(folder / WHO_LOG)))
        except OSError as error:
            raise InputError(f"{folder}: {error.strerror}: the log of the guest's code is not kept") from error


def _require_same(found: About, run: Run) -> None:
    if found.version != run.version:
        raise InputError(
            f"{run.program} is QEMU {found.version} now, and the run was recorded with {run.version}, which alone can "
            "replay it"
        )


def _events(trace: str) -> pl.DataFrame:
    """The events of a trace without what is not the guest's."""
    columns = [name for name in EVENTS_SCHEMA if name not in ("time_ns", "thread", "process", "text")]
    chunks = [chunk.select(columns) for chunk in open_trace(trace).chunks()]
    return pl.concat([EVENTS_SCHEMA.to_frame().select(columns), *chunks])


def _require_equal(folder: Path, recorded: pl.DataFrame, replayed: pl.DataFrame) -> None:
    same = min(len(recorded), len(replayed))
    one, other = (table.head(same).select(pl.all().cast(pl.String)) for table in (recorded, replayed))
    equal = one.select(pl.all_horizontal(pl.col(name).eq_missing(other[name]) for name in one.columns)).to_series()
    if len(recorded) != len(replayed) or not equal.all():
        at = same if equal.all() else equal.arg_min()
        raise InputError(
            f"{folder}: the replay went otherwise than the recording from event {at} on, so it says nothing of it: "
            "other files than the flash images must be as they were"
        )


def _without_flashes(arguments: Sequence[str]) -> list[str]:
    """The user's options but for those that give the flashes their images."""
    of_flashes = {"drive", "pflash", "machine", "M"}
    by_nodes = any(re.search(r"\bpflash\d+=", word) for word in arguments)
    if by_nodes and not any("blkreplay" in word for word in arguments):
        of_flashes.add("blockdev")  # there is no other disk
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        name = re.sub(r"^--?", "", word) if word.startswith("-") else ""
        if name not in of_flashes:
            kept.append(word)
            continue
        value = next(words, "")
        if name in ("machine", "M"):
            parts = [part for part in split(value) if not re.match(r"pflash\d+=", part)]
            kept += [word, ",".join(map(doubled, parts))] if parts else []
        elif name == "drive" and parse(value).get("if") != "pflash":
            kept += [word, value]
    return kept


def _drives(directory: RunDirectory, place: Path) -> Iterator[str]:
    """Options for the flashes, with copies of the images before the run."""
    for flash in directory.run.flashes:
        image = directory.file_of(flash.before)
        if image is None:
            raise InputError(f"{directory.path}: has no copy of {flash.image} before the run, so it cannot be replayed")
        copy = f"unit{flash.unit}.fd"
        try:
            saved(image, "raw", place, copy)
            (place / copy).chmod(0o600)
        except OSError as error:
            raise InputError(f"{place}: {error.strerror}: no place for a copy of {image}; set TMPDIR") from error
        read_only = ",readonly=on" if flash.read_only else ""
        yield from ("-drive", f"if=pflash,unit={flash.unit},format=raw{read_only},file={doubled(str(place / copy))}")


@contextmanager
def _running(arguments: Sequence[str], folder: str, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (place / "errors").open("wb") as errors:
        try:
            process = subprocess.Popen(  # noqa: S603  the user's command
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
        except OSError as error:
            raise MissingDependencyError(f"{arguments[0]}: cannot be run: {error.strerror or error}") from error
    try:
        yield process
    finally:
        process.terminate()  # at which the plugin ends its log
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _replay(arguments: Sequence[str], folder: str, place: Path, events: int) -> None:
    """Run a replay until it has logged all events, or no longer goes on."""
    count, worked, moved, tail = 0, 0.0, time.monotonic(), b""
    with _running(arguments, folder, place) as process, (place / "trace.log").open("ab+") as trace:
        trace.seek(0)
        while process.poll() is None and count < events:
            time.sleep(_LOOK_S)
            piece = tail + trace.read()
            seen, tail = piece.count(_EVENT), piece[-len(_EVENT) + 1 :]
            now = _processor_seconds(process.pid)
            if seen or now - worked > _WORK_S:
                count, worked, moved = count + seen, now, time.monotonic()
            elif time.monotonic() - moved > _STALL_S:
                break
        code = process.poll()
    if code:
        said = (place / "errors").read_text(errors="replace").strip().splitlines()
        reason = sanitize(said[-1]) if said else f"exit code {code}"
        raise InputError(f"the replay ended with an error: {reason}")
    if not (place / WHO_LOG).is_file():
        raise InputError("the replay did not start, so it wrote no log of the guest's code")


def _processor_seconds(pid: int) -> float:
    """Processor time of a process so far; 0 where it is not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
