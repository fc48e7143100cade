"""The description of a run: the contents of `run.json`."""

from __future__ import annotations

from dataclasses import dataclass

from tracetool.sanitize import sanitize

__all__ = ["FINISHED", "NOT_STARTED", "RECORDING", "SCHEMA", "STATES", "Flash", "Run", "SavedImage"]

SCHEMA = "tracetool.run/1"
"""Name and version of the format; fields may be added to a version, so unknown ones are passed over."""

RECORDING = "recording"
"""The run goes on, or its recorder was killed."""

FINISHED = "finished"
"""QEMU has ended, and all that could be kept is there."""

NOT_STARTED = "not-started"
"""QEMU ended with an error before the guest accessed a flash."""

STATES = (RECORDING, FINISHED, NOT_STARTED)


@dataclass(frozen=True)
class SavedImage:
    """A flash image at one moment: a raw file in the run directory.

    `file` is relative to the directory, None where only its length and hash could be kept.
    """

    file: str | None
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Flash:
    """One flash drive: which device it is, its image, and what that held.

    `name` is the device's in the trace, None where the machine is not known. `image` is an absolute path; `bytes`
    are its contents' as the guest sees them. `extent_bytes` is what the variable store in it says, before or after.
    `snapshot`: QEMU threw away what the guest wrote, and the image stays as it was; None: recorded by a version that
    did not note it. `offset` and `size` say which bytes of the image file the flash is, None: to the file's end.
    """

    unit: int
    name: str | None
    read_only: bool
    image: str
    format: str
    before: SavedImage | None = None
    after: SavedImage | None = None
    extent_bytes: int | None = None
    extent_source: str | None = None
    snapshot: bool | None = None
    offset: int = 0
    size: int | None = None


@dataclass(frozen=True)
class Run:
    """One run of a guest. Times in seconds since 1970; what is not known is None.

    Attributes:
        state: `RECORDING`, `FINISHED` or `NOT_STARTED`.
        command: as given by the user.
        arguments: the command that was run, with the options of tracing.
        folder: the working directory.
        backend: `log` or `simple`: how the trace was recorded.
        trace: its file, relative to the directory.
        flashes: the flash drives by unit.
        exit_code: QEMU's; None while it runs and where a signal ended it.
        signal: the signal that ended it.
        cut: why events may be missing that no reader of the trace can know of.
        missing: what could not be kept, a sentence each.
        notes: what the user's own options come to, likewise.
        relayed: signals that the recorder was sent and passed on to QEMU, by name, in order.
        executable: the program that ran, where `program` is a script that starts it, else the same; links resolved.
        who: the log of which guest code made each access, relative to the directory; None: it was not recorded.
        who_sha256: its hash at the end of the run.
        replay_log: what QEMU recorded to replay the run, relative to the directory; None: it did not.
        launcher: the user's command, where that is no QEMU but started one, which `command` then is.
        stopped_after: seconds after which the recorder ended the guest because it was told to; None: it did not.
    """

    state: str
    command: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: str
    program: str
    version: str | None
    architecture: str | None
    machine: str | None
    board: str | None
    backend: str
    trace: str
    flashes: tuple[Flash, ...] = ()
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    cut: str | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    relayed: tuple[str, ...] = ()
    stopped_after: float | None = None
    executable: str | None = None
    launcher: tuple[str, ...] = ()
    who: str | None = None
    who_sha256: str | None = None
    replay_log: str | None = None

    @property
    def doubt(self) -> str | None:
        """The reason for which the trace may be incomplete; None if there is none."""
        if self.state == RECORDING:
            return "is still being recorded, or its recorder was killed: the end is missing, and the images after it"
        if self.signal is not None:
            return f"QEMU was ended by signal {self.signal}: what it still held is missing"
        return None if self.cut is None else sanitize(self.cut)

    def throws_away(self, flash: Flash) -> bool:
        """True if QEMU discarded what the guest wrote to a flash: `-snapshot`, `snapshot=on`."""
        return "-snapshot" in self.command if flash.snapshot is None else flash.snapshot

    def flash(self, name: str) -> Flash | None:
        """The flash of a device; None if there is none of that name."""
        return next((flash for flash in self.flashes if flash.name == name), None)
