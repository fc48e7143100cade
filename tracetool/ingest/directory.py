"""Directories given as traces: one trace, several runs of a guest, or several traces that the user has to choose from.

Ref: LTTng's documentation, "Trace data location": a session's folder holds `kernel`, `ust/uid/UID/64-bit` and
`ust/pid/NAME-PID-DATE`, after a rotation in a folder below `archives`.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tracetool.errors import InputError
from tracetool.ingest.ctf_folders import METADATA
from tracetool.ingest.formats import recognise
from tracetool.ingest.formats.ctf import STREAM_MAGICS
from tracetool.ingest.formats.text import may_be_an_event
from tracetool.ingest.source import open_source
from tracetool.runs.place import is_run_directory
from tracetool.sanitize import listed, sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "Found",
    "check_archive",
    "check_directory",
    "is_trace",
    "natural_order",
    "runs_in",
    "session_of",
    "traces_in",
]

MOST_ENTRIES = 20_000
MOST_FILES = 2_000
"""Limits of files and folders listed, and of files whose beginning is read."""

_SHOWN = 5
_IN_SESSION = re.compile(r"/(?:archives/[^/]+/)?(?:kernel|ust/uid/[^/]+/[^/]+|ust/pid/[^/]+)$")

RUN, CTF, STRAY = "run directory", "CTF", "CTF streams without their metadata"
_STREAM = "stream of a CTF trace"

_HEAD_BYTES = 1 << 20
"""Bytes of a file that are looked at: a log may begin with the output of other programs."""

_LONGEST_EVENT = 200
"""Bytes by which an event is known."""


class Found(NamedTuple):
    """A trace below a directory: its path, relative as the directory's, and its kind."""

    path: str
    what: str


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort key that counts: `boot-2` comes before `boot-10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def check_directory(path: str) -> None:
    """Refuse a directory that is no CTF trace itself, and does not hold exactly one, one level below.

    A session of LTTng's counts as one trace.

    Raises:
        InputError: names the traces found, and what to give.
    """
    found = traces_in(path)
    if not found:
        raise InputError(f"{path}: is a directory without a CTF trace: no file called {METADATA} in it or below")
    if len(found) > 1 or found[0].what != CTF or _depth(path, found[0]) > 1:
        raise InputError(_choice(path, found))


def check_archive(name: str, unpacked: str) -> None:
    """Refuse an archive of several sessions, however deep they lie.

    Args:
        name: of the archive, for the message.
        unpacked: the directory with its contents.

    Raises:
        InputError: names the sessions.
    """
    found = [sanitize(os.path.relpath(each.path, unpacked)) for each in traces_in(unpacked) if each.what == CTF]
    if len(found) > 1:
        raise InputError(f"{name}: is an archive that holds {_listed(found)}; unpack it and give one")


def runs_in(path: str) -> list[str]:
    """The run directories right below a directory, in natural order; empty if there is none.

    Raises:
        InputError: there are other traces too; names them, and what to give.
    """
    try:
        below = [entry.path for entry in os.scandir(path) if entry.is_dir() and is_run_directory(entry.path)]
    except OSError:  # opening it raises the error
        return []
    if not below:
        return []
    found = traces_in(path)
    if {each.path for each in found} != set(below):
        raise InputError(_choice(path, found))
    return [each.path for each in found]


def traces_in(path: str) -> list[Found]:
    """All traces in a directory and below it, in natural order of their names; links to directories are not followed.

    Raises:
        InputError: there is too much to look through, or a part cannot be looked into.
    """
    survey = _Survey(path)
    for folder, below, files in os.walk(path, onerror=survey.fail):
        survey.look(folder, below, files)
    return sorted(survey.found, key=lambda found: natural_order(found.path))


@dataclass
class _Survey:
    """A walk through a directory tree that collects traces."""

    path: str
    entries: int = 0
    files: int = 0

    def __post_init__(self) -> None:
        self._found: dict[str, str] = {}

    @property
    def found(self) -> Iterator[Found]:
        """All traces, in any order."""
        return (Found(path, what) for path, what in self._found.items())

    def fail(self, error: OSError) -> None:
        """Refuse a folder that cannot be listed: it may hold a trace."""
        raise InputError(f"{error.filename}: cannot be looked into: {error.strerror}; give the trace itself") from error

    def look(self, folder: str, below: list[str], files: Sequence[str]) -> None:
        """Look at one directory; subdirectories to be skipped are taken out of `below`."""
        self.entries += len(below) + len(files)
        if self.entries > MOST_ENTRIES:
            self._refuse_size()
        if is_run_directory(folder):
            self._found[folder] = RUN
            below.clear()
            return
        if METADATA in files:
            self._found[session_of(folder, self.path)] = CTF
        for name in files:
            self._look_at(folder, name, alone=METADATA not in files)

    def _look_at(self, folder: str, name: str, *, alone: bool) -> None:
        path = Path(folder, name)
        if name == METADATA or not _is_file(path):
            return
        self.files += 1
        if self.files > MOST_FILES:
            self._refuse_size()
        what = _label_of(path)
        if what == _STREAM:
            if alone:
                self._found[folder] = STRAY
        elif what is not None:
            self._found[str(path)] = what

    def _refuse_size(self) -> None:
        raise InputError(f"{self.path}: holds too many files to look for the trace; give the trace itself")


def session_of(folder: str, path: str) -> str:
    """The folder of the LTTng session that a CTF trace in `folder` belongs to, not above `path`."""
    session = _IN_SESSION.sub("", str(Path(folder).absolute()))
    inside = os.path.relpath(session, str(Path(path).absolute()))
    return path if inside.startswith("..") or inside == "." else str(Path(path, inside))


def _label_of(path: Path) -> str | None:
    """The label of the format of a trace, or `_STREAM`; None for what is no trace, or cannot be read."""
    try:
        with closing(open_source(str(path))) as source:
            head = source.read_fully(_HEAD_BYTES)
    except InputError:
        return None
    found = recognise(head)
    return _STREAM if head.startswith(STREAM_MAGICS) else found.label if found.holds_events(head) else None


def is_trace(path: Path) -> bool:
    """True for a file of a known format, or with something in it, up to its end, that looks like an event of a log."""
    if _label_of(path) is not None:
        return True
    try:
        with closing(open_source(str(path))) as source:
            rest = b""
            while data := source.read(_HEAD_BYTES):
                if may_be_an_event(rest + data):
                    return True
                rest = (rest + data)[-_LONGEST_EVENT:]
    except InputError:
        pass
    return False


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _depth(path: str, found: Found) -> int:
    return len(Path(os.path.relpath(found.path, path)).parts)


def _choice(path: str, found: Sequence[Found]) -> str:
    """Error message that names the traces and an example of what to give."""
    held = _listed([f"{sanitize(os.path.relpath(each.path, path))} ({each.what})" for each in found])
    runs = [each.path for each in found if each.what == RUN]
    given = runs if len(runs) == len(found) else [found[0].path]
    command = shlex.join(["tracetool", "audit", *map(sanitize, given[:_SHOWN])])
    several = "; several are consecutive boots, in order" if len(found) > 1 else ""
    return f"{path}: is a directory that holds {held}; give what is meant, as in: {command}{several}"


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return listed([*names[:_SHOWN], *more])
