"""A trace that is still being written: read on as it grows, until it is stopped or its writer closes a pipe.

A file is looked at a few times a second. One that is replaced under its name is read to its end, then the new one, as
parts of one log; one that is truncated is read from its beginning, after a line for what may have been lost.
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import time
from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from tracetool.errors import InputError, UsageError
from tracetool.ingest.ctf_live import open_live
from tracetool.ingest.detect import read_source
from tracetool.ingest.formats import FORMATS, recognise
from tracetool.ingest.formats.simple import HEADER_BYTES, MAGICS
from tracetool.ingest.formats.text import may_be_an_event
from tracetool.ingest.reader import ReadOptions
from tracetool.ingest.source import STANDARD_INPUT, Source
from tracetool.paths import is_live
from tracetool.runs.place import run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from tracetool.ingest.formats import TraceFormat
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["Following", "open_followed"]

LOOK_S = 0.2
"""Seconds between looks at a file or a pipe that has no more."""

PAUSE_S = 0.5
"""Least seconds between frames of events that have come while it was followed."""

MOST_DELAY_S = 1.4
"""Seconds after which events are delivered in any case: with the look that finds them and what is made of them, they
are shown within two seconds."""

VANISHED_S = 5.0
"""Seconds that a file may be missing under its name, as between two parts of a log."""

_HEAD_BYTES = 1 << 16
_FOLLOWED = ("text", "simple")
_READS = "a log, or a trace of the simple backend, that is not packed"
_SMALL = 1 << 14
_MOMENT_S = 0.02
"""Seconds between reads of less than `_SMALL` bytes: events that come one by one are read some at a time."""

_LOST = b"\n[LOST EVENTS]\n"
"""Line of trace-cmd, which the reader of logs knows."""


class Following:
    """Control over a trace that is followed.

    Args:
        say: told, in a sentence, of a file that was replaced, truncated or removed.
        required: raise for what cannot be followed; else it is read to its end, as without `--follow`.

    Attributes:
        pause_s: least seconds between frames, where no event waits for `MOST_DELAY_S`; a consumer that takes long
            raises it.
        prompt: False where events are not needed before there are many, or the end.
        due: False while a full chunk is delivered and there is more to read: the next frame comes at once.
        interrupted: it was stopped by the user.
        changed: the file was replaced, truncated or removed, so that to open its name is not to read the same again.
    """

    def __init__(self, say: Callable[[str], None] = lambda _: None, *, required: bool = True) -> None:
        self.say = say
        self.required = required
        self.pause_s = PAUSE_S
        self.prompt = True
        self.due = True
        self.changed = self.interrupted = False
        self._stopped = Event()

    def stop(self) -> None:
        """End the trace where it is."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """True once it was stopped."""
        return self._stopped.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, at most until it is stopped; True if it was."""
        return self._stopped.wait(seconds)

    def noted(self, sentence: str) -> None:
        """A change of the file."""
        self.changed = True
        self.say(sentence)


class _Growing(io.RawIOBase):
    """The bytes of something that is still written; `readinto` waits for more."""

    def __init__(self, following: Following) -> None:
        self._following = following
        self._delivered = time.monotonic()
        self._arrived: float | None = None
        """When the first of the bytes came that are not delivered yet."""
        self._small = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        room = memoryview(buffer)
        if self._small:
            self._following.wait(_MOMENT_S)
        while not (count := self.take(room)):
            if count is None or self._following.stopped:
                return 0
            self.wait(LOOK_S)
        self._small = count < _SMALL
        return count

    def due(self) -> bool:
        """True when what was read should be delivered: nothing more comes for a moment, or it has waited long."""
        if not self._following.prompt:
            return False
        now = time.monotonic()
        self._arrived = latest = self._arrived or now
        latest += MOST_DELAY_S
        deadline = min(self._delivered + self._following.pause_s, latest)
        while not (more := self.has_more()) and now < deadline and not self._following.stopped:
            self.wait(min(deadline - now, LOOK_S))
            now = time.monotonic()
        self._following.due = not more or now >= latest
        if self._following.due:
            self._delivered, self._arrived = now, None
        return self._following.due

    @abstractmethod
    def take(self, room: memoryview) -> int | None:
        """Read what there is; 0: nothing now, None: it has ended."""

    @abstractmethod
    def has_more(self) -> bool:
        """True if a read would not wait."""

    def wait(self, seconds: float) -> None:
        """Wait for more."""
        self._following.wait(seconds)


class _GrowingPipe(_Growing):
    """A pipe, which ends where its writer closes it."""

    def __init__(self, descriptor: int, following: Following) -> None:
        super().__init__(following)
        self._descriptor = descriptor

    def take(self, room: memoryview) -> int | None:
        if not self.has_more():
            return 0
        return os.readv(self._descriptor, [room]) or None

    def has_more(self) -> bool:
        return self._poll(0)

    def wait(self, seconds: float) -> None:
        self._poll(seconds)

    def _poll(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN | select.POLLHUP)
        return bool(poll.poll(seconds * 1000))


class _GrowingFile(_Growing):
    """A file under a name, whichever file that is."""

    def __init__(self, path: str, following: Following, *, text: bool) -> None:
        super().__init__(following)
        self.text = text
        self._path = path
        self._file = self._opened()
        self._at = 0
        self._missing: float | None = None
        self._owed = b""
        """Bytes to be read before those of the file."""

    def _opened(self) -> io.FileIO:
        try:
            return io.FileIO(self._path, "rb")
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror}; check its permissions") from error

    def take(self, room: memoryview) -> int | None:
        if self._owed:
            count = min(len(self._owed), len(room))
            room[:count], self._owed = self._owed[:count], self._owed[count:]
            return count
        size = os.fstat(self._file.fileno()).st_size
        if size < self._at:
            return self._truncated(size, room)
        count = self._file.readinto(room) or 0
        self._at += count
        return count or self._next(room)

    def has_more(self) -> bool:
        return bool(self._owed) or os.fstat(self._file.fileno()).st_size != self._at

    def _truncated(self, size: int, room: memoryview) -> int | None:
        name, at = self._path, self._at
        if not self.text:
            self._following.noted(f"{name}: was truncated from {at:,} to {size:,} bytes; it is not read on")
            return None
        self._following.noted(f"{name}: was truncated from {at:,} to {size:,} bytes; it is read from its beginning")
        self._file.seek(0)
        self._at, self._owed = 0, _LOST
        return self.take(room)

    def _next(self, room: memoryview) -> int | None:
        """What follows the end of the file: the file that has taken its name, or nothing yet."""
        try:
            now = os.stat(self._path)  # noqa: PTH116  next to `fstat`
        except OSError:
            now = None
        mine = os.fstat(self._file.fileno())
        if now is None:
            self._missing = self._missing or time.monotonic()
            if time.monotonic() - self._missing < VANISHED_S:
                return 0
            self._following.noted(f"{self._path}: was removed; what it held is read")
            return None
        self._missing = None
        if (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino) or mine.st_size != self._at:
            return 0
        if not self.text:
            self._following.noted(f"{self._path}: was replaced by another file; that is not read")
            return None
        self._following.noted(f"{self._path}: was replaced by another file, which is read on")
        self._file.close()
        self._file, self._at = self._opened(), 0
        return self.take(room)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_followed(
    path: str, following: Following, *, input_format: str | None = None, strict: bool = False
) -> TraceReader:
    """Recognise a trace that is still written, once it has begun.

    Args:
        path: a log or a trace of the simple backend, a named pipe, a run directory that has one, `-`, or the address
            of a session of an LTTng relay daemon (`net://`).
        following: ends it.
        input_format: `text` or `simple`; None: recognised by content.
        strict: raise on the first damaged line or record.

    Raises:
        InputError: the file cannot be read, is packed, or no such trace.
        UsageError: another format is asked for.
    """
    if is_live(path):
        if input_format not in (None, "ctf"):
            raise UsageError(f"--input-format {input_format}: {path} is CTF")
        return open_live(path, following, strict=strict)
    if input_format not in (None, *_FOLLOWED):
        raise UsageError(f"--input-format {input_format}: --follow reads {_READS}")
    run = run_of(path)
    place = path if run is None else str(Path(run.path) / run.run.trace)  # which may be empty yet
    stream = _opened(place, following)
    name = "standard input" if path == STANDARD_INPUT else place
    source = Source(stream, name, None, rereadable=False)  # type: ignore[arg-type]
    source.due = stream.due
    with ExitStack() as unread:
        unread.callback(source.close)
        head = _head(source)
        source.unread(head)
        found = FORMATS[input_format] if input_format else recognise(head)
        options = ReadOptions(strict)
        if _is_followed(source, head, found, required=following.required):
            reader = found.open(source, place, head, options)
        else:
            source.due = lambda: False
            reader = read_source(source, path, input_format, options)
        if isinstance(stream, _GrowingFile):
            stream.text = found.name == "text"
        reader.meta.run = run
        unread.pop_all()
    return reader


def _is_followed(source: Source, head: bytes, found: TraceFormat, *, required: bool) -> bool:
    """True for what can be followed; if that is `required`, raise InputError for all else."""
    if source.compression is not None:
        wrong = f"is packed with {source.compression}; --follow reads {_READS}"
    elif not head:
        wrong = "is empty; nothing was written to it"
    elif found.name not in _FOLLOWED:
        wrong = f"is {FORMATS.about[found.name]}; --follow reads {_READS}"
    else:
        return True
    if required:
        raise InputError(f"{source.name}: {wrong}")
    return False


def _opened(path: str, following: Following) -> _Growing:
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("standard input: is closed; give the path of a trace")
        descriptor = sys.stdin.fileno()
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError("--follow -: standard input is a file; give its name")
        return _GrowingPipe(descriptor, following)
    try:
        kind = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read: {reason}; give the path of a trace, or - for stdin") from error
    if stat.S_ISDIR(kind):
        raise InputError(f"{path}: is a directory; --follow reads a log or a trace of the simple backend")
    if stat.S_ISFIFO(kind):
        return _GrowingPipe(os.open(path, os.O_RDONLY), following)
    if not stat.S_ISREG(kind):
        raise InputError(f"{path}: is neither a file nor a pipe")
    return _GrowingFile(path, following, text=True)


def _head(source: Source) -> bytes:
    """The first bytes, once they show what it is."""
    head = b""
    while len(head) < _HEAD_BYTES and (data := source.read(_HEAD_BYTES - len(head))):
        head += data
        if head.startswith(MAGICS):
            if len(head) >= HEADER_BYTES:
                break
        elif b"\n" in head and may_be_an_event(head):
            break
    return head
