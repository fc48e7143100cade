"""A file or standard input as a stream of bytes, unpacked; the compression is recognised by content.

Memory is bounded whatever the file unpacks to: a decoder is never asked for more than the reader has room for. Long
streams are unpacked in a thread, a few blocks ahead of the reader.

Ref: RFC 1952 (gzip), RFC 8878 (zstd) and the .xz file format: magic numbers, several members in one file.
"""

from __future__ import annotations

import lzma
import os
import select
import stat
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tracetool.compression import DAMAGED, MAGIC_BYTES, compression_of, zstd
from tracetool.errors import InputError
from tracetool.ingest.prefetch import Prefetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader
    from os import stat_result

__all__ = ["Source", "open_source", "peek_standard_input"]

INPUT = 1 << 16
STANDARD_INPUT = "-"
BLOCK = 1 << 18
"""Bytes that are unpacked at a time in the thread."""

LONG = 1 << 20
"""Unpacked bytes after which the thread takes over."""

MOST_UNPACKED = 32 << 20
MOST_TIMES = 256
"""Limits of what a stream unpacks to, in bytes and in times its size; the larger one counts. Traces reach 100 times.

Without a limit a file of a few kilobytes keeps the program busy for minutes.
"""

PATIENCE = 100
"""Milliseconds between checks that the reader of a pipe is still open."""


class GzipDecoder:
    """zlib's decompressor with the interface of the other two."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """The member is complete."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """Bytes after the member."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpack at most `max_length` bytes."""
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = len(out) < max_length and not self._inner.unconsumed_tail
        return out


Decoder = GzipDecoder | lzma.LZMADecompressor | zstd.ZstdDecompressor
_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": GzipDecoder,
    "xz": lzma.LZMADecompressor,
    "zstd": zstd.ZstdDecompressor,
}


def peek_standard_input(size: int) -> bytes:
    """The first bytes of standard input, unpacked, as far as they have come; they are read again later."""
    head = b"" if sys.stdin is None else cast("BufferedReader", sys.stdin.buffer).peek(INPUT)
    compression = compression_of(head)
    if compression is None:
        return head[:size]
    try:
        return _DECODERS[compression]().decompress(head, size)
    except DAMAGED:
        return b""


class Source:
    """A readable stream; `read` returns unpacked bytes.

    Attributes:
        name: for messages.
        compression: "gzip", "xz", "zstd" or None.
        bytes_read: bytes taken from the file so far, packed.
        total: size of the file in bytes, None where it has none.
        rereadable: opened again, it has the same bytes.
        truncated: what is wrong with the packed stream and where; None if nothing is so far.
        most_unpacked: bytes that it may unpack to, however small it is.
        due: returns True when events should be delivered before there are many: the trace is followed as it grows.
    """

    def __init__(self, stream: BinaryIO, name: str, total: int | None, *, rereadable: bool) -> None:
        self.name = name
        self.total = total
        self.rereadable = rereadable
        self.bytes_read = 0
        self.truncated: str | None = None
        self.most_unpacked = MOST_UNPACKED
        self.due: Callable[[], bool] = lambda: False
        self._unpacked = 0
        self._stream = stream
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._returned = b""
        readinto: Any = getattr(stream, "readinto1", None) or getattr(stream, "readinto", None)
        self._readinto: Callable[[memoryview], int | None] = readinto
        self._pending = b""
        self._decoder: Decoder | None = None
        self._ahead: Prefetch[bytes] | None = None
        self._block = memoryview(b"")
        self.compression = self._recognise()
        if self.compression is None:
            self.unread(self._pending)

    def allowance(self) -> int:
        """Most bytes that the input read so far can plausibly unpack to."""
        return max(MOST_UNPACKED, MOST_TIMES * (self.total or self.bytes_read))

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._ahead:
            self._ahead.close()
        if self._stream is not getattr(sys.stdin, "buffer", None):
            self._stream.close()

    def read(self, size: int) -> bytes:
        """Up to `size` unpacked bytes; fewer only where the stream has no more ready, none only at its end.

        Raises:
            InputError: the file cannot be read.
        """
        if self._returned:
            out, self._returned = self._returned[:size], self._returned[size:]
            return out
        return bytes(self._packed(size)) if self.compression else self._take(size)

    def read_fully(self, size: int) -> bytes:
        """As `read`, and fewer bytes only at the end of the stream."""
        data = b""
        while len(data) < size and (more := self.read(size - len(data))):
            data += more
        return data

    def readinto(self, room: memoryview) -> int:
        """As `read`, into `room` without a copy on the way where there need be none; how many bytes."""
        if self.compression or self._returned:
            data = self.read(len(room)) if self._returned else self._packed(len(room))
            room[: len(data)] = data
            return len(data)
        try:
            count = self._readinto(room) or 0
        except OSError as error:
            raise self._failure(error) from error
        self.bytes_read += count
        return count

    def unread(self, data: bytes) -> None:
        """Push bytes back, for `read` to return again."""
        self._returned = data + self._returned

    def as_stream(self) -> Source | None:
        """The source itself if it can be read only once; None, and closed, for a file, which readers open anew."""
        if self.rereadable:
            self.close()
        return None if self.rereadable else self

    def _failure(self, error: OSError) -> InputError:
        return InputError(f"{self.name}: reading failed at byte {self.bytes_read}: {error.strerror}")

    def _take(self, size: int) -> bytes:
        if self._ahead and not self.rereadable and not self._wait(self._ahead):
            return b""
        try:
            data = self._read(size) or b""
        except OSError as error:
            raise self._failure(error) from error
        self.bytes_read += len(data)
        return data

    def _wait(self, ahead: Prefetch[bytes]) -> bool:
        """Wait until a pipe has more; False if the reader is closed before. A read could not be interrupted."""
        try:
            number = self._stream.fileno()
        except OSError:  # not of the system's
            return True
        poll = select.poll()
        poll.register(number, select.POLLIN)
        while not ahead.stopped:
            if poll.poll(PATIENCE):
                return True
        return False

    def _recognise(self) -> str | None:
        while len(self._pending) < MAGIC_BYTES and (data := self._take(MAGIC_BYTES - len(self._pending))):
            self._pending += data
        name = compression_of(self._pending)
        self._decoder = _DECODERS[name]() if name else None
        return name

    def _packed(self, size: int) -> bytes | memoryview:
        """Unpacked bytes, up to `size`."""
        if self._ahead is None and self._unpacked >= LONG:
            self._ahead = Prefetch(lambda: self._unpack_counted(BLOCK))
        if self._ahead is None:
            return self._unpack_counted(size)
        if not self._block:
            self._block = memoryview(self._ahead.take())
        out, self._block = self._block[:size], self._block[size:]
        return out

    def _unpack_counted(self, size: int) -> bytes:
        out = self._unpack(size)
        self._unpacked += len(out)
        if self._decoder and self._unpacked > max(self.most_unpacked, MOST_TIMES * self.bytes_read):
            self._stop(f"unpacks to more than {MOST_TIMES} times its size: unpack it first; it is not read on")
        return out

    def _unpack(self, size: int) -> bytes:
        while self._decoder is not None:
            if self._decoder.eof and not self._next_member():
                break
            data = b""
            if self._decoder.needs_input:
                data, self._pending = self._pending or self._take(INPUT), b""
                if not data:
                    self._stop("ends in the middle of the data")
                    break
            try:
                out = self._decoder.decompress(data, size)
            except DAMAGED as error:
                out = self._salvage() if self.rereadable else b""
                self._unpacked += len(out)
                self._stop(f"is corrupt ({error})")
                self._unpacked -= len(out)
                return out
            if out:
                return out
        return b""

    def _salvage(self) -> bytes:
        """Undelivered bytes before the damage: decoders drop the output of the call that fails."""
        with closing(Source(Path(self.name).open("rb"), self.name, None, rereadable=False)) as again:
            left = self._unpacked
            while left and (data := again.read(min(left, INPUT))):
                left -= len(data)
            return b"".join(iter(lambda: again.read(1), b""))

    def _next_member(self) -> bool:
        """Go on with the member after this one; False at the end of the file or where something else follows."""
        rest = self._decoder.unused_data.lstrip(b"\0") if self._decoder else b""
        while len(rest) < MAGIC_BYTES and (more := self._take(INPUT)):
            rest = (rest + more).lstrip(b"\0")
        self._decoder = None
        if self.compression and compression_of(rest) == self.compression:
            self._pending, self._decoder = rest, _DECODERS[self.compression]()
            return True
        if rest:
            self._stop("is followed by something else")
        return False

    def _stop(self, what: str) -> None:
        self._decoder = None
        self.truncated = f"the {self.compression} stream {what} after {self._unpacked} unpacked bytes"


# Ref: Linux Documentation/admin-guide/devices.txt, 1 char: memory devices.
_ENDLESS = tuple(os.makedev(1, minor) for minor in (1, 5, 7, 8, 9))
"""/dev/mem, zero, full, random and urandom."""


def _check(path: str) -> stat_result:
    try:
        status = Path(path).stat()
        kind = stat.S_IFMT(status.st_mode)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read: {reason}; give the path of a trace, or - for stdin") from error
    if kind == stat.S_IFDIR:
        raise InputError(f"{path}: is a directory; give a file")
    if kind == stat.S_IFSOCK:
        raise InputError(f"{path}: is a socket; give the path of a trace, or - for stdin")
    if kind == stat.S_IFCHR and status.st_rdev in _ENDLESS:
        raise InputError(f"{path}: is a device that never ends; give the path of a trace, or - for stdin")
    return status


def open_source(path: str) -> Source:
    """Open a file, or standard input for `-`.

    Raises:
        InputError: it does not exist, is closed or a directory, or may not be read.
    """
    if path == STANDARD_INPUT:
        if sys.stdin is None:  # closed by the parent process
            raise InputError("standard input: is closed; give the path of a trace")
        return Source(sys.stdin.buffer, "standard input", None, rereadable=False)
    status = _check(path)
    regular = stat.S_ISREG(status.st_mode)
    try:
        stream = Path(path).open("rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    return Source(stream, path, status.st_size if regular else None, rereadable=regular)
