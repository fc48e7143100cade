"""Salvage of a damaged trace: its readable streams, and truncated ones up to the cut."""

from __future__ import annotations

import ctypes
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.babeltrace.errors import BabeltraceError
from tracetool.babeltrace.functions import load
from tracetool.babeltrace.graph import Graph
from tracetool.babeltrace.library import SILENT
from tracetool.babeltrace.packets import content_bytes, copy_whole, find_cuts, set_content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.babeltrace.graph import Plugins
    from tracetool.babeltrace.packets import Cut

__all__ = ["Saved", "salvage"]

METADATA = "metadata"
TRIES = 4
"""Candidate truncations tried per stream."""
SIZES = 16
"""Bytes of the sizes of content and packet."""
LONGEST_EVENT = 512
"""Bytes at the end of a truncated packet in which an event is looked for that is whole."""


@dataclass(slots=True)
class Saved:
    """Readable part of a trace.

    Attributes:
        folders: folders with links to its streams, or copies.
        notes: what is missing.
    """

    folders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _refused(plugins: Plugins, folders: list[str]) -> str | None:
    """Return why the library refuses a trace, None if it reads it."""
    try:
        Graph(plugins, [folders]).close()
    except BabeltraceError as error:
        return str(error)
    return None


def _is_whole(plugins: Plugins, folder: str) -> bool:
    """Read a trace; False if something is wrong with it."""
    library = plugins.library

    def consume(iterator: int, _: int) -> int:
        messages, count = ctypes.c_int64(), ctypes.c_uint64()
        status: int = library.bt_message_iterator_next(iterator, ctypes.addressof(messages), ctypes.addressof(count))
        for at in range(0 if status else count.value):
            library.bt_message_put_ref(load(messages.value + 8 * at))
        return status

    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)(consume)
    try:
        graph = Graph(plugins, [[folder]], SILENT)
    except BabeltraceError:
        return False
    try:
        graph.finish(ctypes.cast(function, ctypes.c_void_p).value or 0)
        graph.run()
    except BabeltraceError:
        return False
    else:
        return not graph.complaint
    finally:
        graph.close()


class _Salvage:
    def __init__(self, plugins: Plugins, scratch: str) -> None:
        self._plugins = plugins
        self._scratch = scratch

    def folder(self, origin: Path) -> Path:
        """Create a folder with the metadata of a trace."""
        made = Path(tempfile.mkdtemp(dir=self._scratch))
        (made / METADATA).symlink_to(origin / METADATA)
        return made

    def forms_of(self, stream: Path) -> Iterator[tuple[Path, str | None]]:
        """Yield a stream as it is, then its intact parts, each in its own folder, with a note on what is missing."""
        alone = self.folder(stream.parent)
        (alone / stream.name).symlink_to(stream)
        yield alone, None
        for cut in find_cuts(stream)[:TRIES]:
            if cut.ends is None:
                note = f"stream {stream.name} is not read from byte {cut.packet} on: no packet begins there"
            else:
                note = (
                    f"stream {stream.name} is cut at byte {cut.size}, its last packet should reach to byte {cut.ends}"
                )
            # With the truncated packet, if its header is valid, and without it, if there are others.
            for tail in [True] * bool(cut.ends) + [False] * bool(cut.packet):
                part = self.folder(stream.parent)
                copy_whole(stream, part / stream.name, cut, tail=tail)
                if tail:
                    self._end_at_an_event(part / stream.name, cut)
                yield part, note
                (part / stream.name).unlink()

    def _end_at_an_event(self, copy: Path, cut: Cut) -> None:
        """Shorten the truncated packet of a copy to its whole events.

        Where it ends within an event the library leaves an error behind, and aborts on it when another stream goes on.
        """
        alone = self.folder(copy.parent) / copy.name
        with copy.open("rb") as stream:
            stream.seek(cut.packet)
            alone.write_bytes(stream.read())
        most = content_bytes(copy, cut, cut.packet)
        for length in range(most, max(most - LONGEST_EVENT, cut.sizes + SIZES), -1):
            set_content(alone, cut, 0, length)
            if _is_whole(self._plugins, str(alone.parent)):
                set_content(copy, cut, cut.packet, length)
                return

    def stream(self, stream: Path, saved: Saved) -> Path | None:
        """Find a readable file to replace a stream; note what is lost."""
        reason = ""
        try:
            for form, note in self.forms_of(stream):
                refused = _refused(self._plugins, [str(form)])
                if refused is None:
                    saved.notes += [note] if note else []
                    return form / stream.name
                reason = reason or refused
        except OSError as error:
            reason = error.strerror or str(error)
        saved.notes.append(f"stream {stream.name} is left out: {reason}")
        return None


def salvage(plugins: Plugins, folders: list[str], scratch: str) -> Saved:
    """Find the readable part of a trace, which may be all or nothing.

    Args:
        plugins: the library's plugins.
        folders: absolute paths of the trace's folders.
        scratch: folder for links and copies, which must outlive the reading.
    """
    refused = _refused(plugins, folders)
    if refused is None:
        return Saved(folders)
    work, saved = _Salvage(plugins, scratch), Saved()
    for folder in map(Path, folders):
        together = work.folder(folder)
        # The library skips hidden files too.
        streams = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        for stream in streams:
            found = work.stream(stream, saved) if stream.name != METADATA else None
            if found:
                (together / stream.name).symlink_to(found)
        if any(path.name != METADATA for path in together.iterdir()):
            saved.folders.append(str(together))
    return saved if saved.folders else Saved(notes=[f"{folders[0]} is left out: {refused}"])
