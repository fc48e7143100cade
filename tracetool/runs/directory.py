"""A run directory on the disk: `run.json` read with clear errors, and replaced whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from tracetool.errors import InputError
from tracetool.json_document import DocumentError, instance, load_document
from tracetool.runs.place import RUN_FILE
from tracetool.runs.run import NOT_STARTED, SCHEMA, STATES, Run, SavedImage
from tracetool.sparse_file import sha256_of
from tracetool.whole_file import replaced

__all__ = ["RunDirectory", "read_run_directory", "write_run"]


@dataclass(frozen=True)
class RunDirectory:
    """A run and where it lies; `path` is as the user gave it."""

    path: str
    run: Run

    @property
    def trace(self) -> str:
        """The path of the trace.

        Raises:
            InputError: there is none; says why.
        """
        trace = Path(self.path) / self.run.trace
        if self.run.state == NOT_STARTED:
            raise InputError(f"{self.path}: holds no trace: QEMU did not start (exit code {self.run.exit_code})")
        why = self.run.doubt or "QEMU logged no pflash event"
        try:
            empty = not trace.stat().st_size
        except OSError as error:
            raise InputError(f"{trace}: {error.strerror}: {why}; record it again") from error
        if empty:
            raise InputError(f"{trace}: is empty: {why}; record it again")
        return str(trace)

    @property
    def files(self) -> list[Path]:
        """Paths of `run.json` and of all files that it names."""
        return [Path(self.path) / name for name in (RUN_FILE, *_files(self.run))]

    def file_of(self, image: SavedImage | None) -> Path | None:
        """The file with the contents of a flash at one moment; None: there is none.

        Raises:
            InputError: it is not what was recorded.
        """
        if image is None or image.file is None:
            return None
        path = Path(self.path) / image.file
        if not path.is_file():
            return None
        try:
            now = path.stat()
            digest = _digest(path, now.st_mtime_ns, now.st_size)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; give a copy with --image") from error
        if (digest, now.st_size) != (image.sha256, image.bytes):
            raise InputError(f"{path}: is not the image that was recorded; --image uses it, or another, all the same")
        return path

    def log_of_code(self) -> Path | None:
        """The log of the guest's code; None: there is none.

        Raises:
            InputError: it is not what was recorded.
        """
        if self.run.who is None:
            return None
        path = Path(self.path) / self.run.who
        try:
            now = path.stat()
            whole = self.run.who_sha256 in (None, _digest(path, now.st_mtime_ns, now.st_size))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}: the guest's code is not known") from error
        if not whole:
            raise InputError(f"{path}: is not the log that was recorded; --who-log uses it all the same")
        return path


@lru_cache(maxsize=64)
def _digest(path: Path, _changed_ns: int, _bytes: int) -> str:
    """The hash of a file; the app asks for it again with every event that it explains."""
    return sha256_of(path)


def read_run_directory(path: str) -> RunDirectory:
    """Read what a directory says of its run.

    Raises:
        InputError: `run.json` cannot be read, or is none.
    """
    file = Path(path) / RUN_FILE
    try:
        run = instance(Run, load_document(file.read_text(encoding="utf-8"), SCHEMA))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}; check its permissions") from error
    except (DocumentError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {error}; give the trace itself with --image and --read-only") from error
    if run.state not in STATES:
        raise InputError(f"{file}: state is {run.state!r}, and this program knows {', '.join(STATES)}")
    for name in _files(run):
        if not name or not name.isprintable():
            raise InputError(f"{file}: {name!r} is no name of a file; give the trace itself")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"{file}: {name!r} leads out of the directory; give the trace itself")
    return RunDirectory(path, run)


def _files(run: Run) -> list[str]:
    images = [image for flash in run.flashes for image in (flash.before, flash.after)]
    logs = [name for name in (run.trace, run.who, run.replay_log) if name is not None]
    return [*logs, *(image.file for image in images if image is not None and image.file is not None)]


def write_run(folder: Path, run: Run) -> None:
    """Replace `run.json` atomically."""
    with replaced(folder / RUN_FILE) as file:
        file.write(json.dumps({"schema": SCHEMA, **asdict(run)}, indent=2).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
