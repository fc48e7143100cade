"""The process that reads: a crash of the library, or a trace that makes it go round in circles, ends here.

It is told what to do by a line of JSON on its standard input; each further line there gives it back a block of the
shared memory. It says what it has in lines of JSON on its standard output; see `Blocks` and `Reading`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.blocks import Blocks
from tracetool.babeltrace.errors import BabeltraceError
from tracetool.babeltrace.graph import Graph, Plugins
from tracetool.babeltrace.library import Library, LibraryMissingError
from tracetool.babeltrace.plain import Plain
from tracetool.babeltrace.reading import Reading
from tracetool.babeltrace.salvage import salvage

if TYPE_CHECKING:
    from tracetool.babeltrace.compiled import Compiled

__all__ = ["main", "read"]


def _loop(library: Library, request: dict[str, Any], blocks: Blocks) -> Plain | Compiled:
    """The loop as it is wanted: "plain", "compiled", or "auto", which compiles only for long traces."""
    if request["loop"] == "plain":
        return Plain(library)
    try:
        from tracetool.babeltrace.compiled import Compiled, is_cached  # noqa: PLC0415

        cache = Path(request["cache"])
        if not is_cached(cache):
            if request["loop"] == "auto" and not request["long"]:
                return Plain(library)
            blocks.say(compiling=True)
        return Compiled(library, cache)
    except Exception:
        # Whatever is wrong with the compiler, the trace can be read without it.
        if request["loop"] == "compiled":
            raise
        return Plain(library)


def _grouped(plugins: Plugins, folders: list[str]) -> list[list[str]]:
    """The folders that hold parts of the same trace together."""
    groups: dict[str, list[str]] = {}
    for folder in folders:
        groups.setdefault(plugins.group_of(folder) if len(folders) > 1 else folder, []).append(folder)
    return list(groups.values())


def _graph(plugins: Plugins, traces: list[list[str]]) -> Graph:
    """A graph with these traces. One that fails cannot be used again.

    Raises:
        BabeltraceError: one of them cannot be read as it is.
    """
    graph = Graph(plugins)
    try:
        for folders in traces:
            graph.add(folders)
    except BabeltraceError:
        graph.close()
        raise
    return graph


def _whole_or_saved(plugins: Plugins, traces: list[list[str]], scratch: Path) -> tuple[Graph, list[str]]:
    """A graph with all that can be read of these traces; what cannot, in words.

    Raises:
        BabeltraceError: nothing can.
    """
    try:
        return _graph(plugins, traces), []
    except BabeltraceError as error:
        saved = [salvage(plugins, folders, scratch) for folders in traces]
        kept = [each.folders for each in saved if each.folders]
        if not kept:
            raise
        try:
            return _graph(plugins, kept), [note for each in saved for note in each.notes]
        except BabeltraceError:
            raise error from None


def read(request: dict[str, Any], blocks: Blocks) -> None:
    """Do what is asked.

    Raises:
        LibraryMissingError: there is no libbabeltrace2.
        BabeltraceError: nothing of the trace can be read.
    """
    library = Library(request["library"])
    plugins = Plugins(library)
    traces = _grouped(plugins, request["folders"])
    graph, notes = _whole_or_saved(plugins, traces, Path(request["scratch"]))
    blocks.say(notes=notes, span=plugins.span_of(request["folders"]) if request["span"] else None)
    loop = _loop(library, request, blocks)
    reading = Reading(library, loop, blocks, request["layouts"])
    if not graph.finish(loop.address, reading.address):
        return
    try:
        reading.run(graph)
    except BabeltraceError as error:
        blocks.say(broken=str(error))
    else:
        if graph.complaint:
            blocks.say(notes=[f"babeltrace2 says of it: {graph.complaint}"])


def main() -> None:
    """Read what standard input asks for, and end."""
    # The parent, which gets the same Ctrl-C, closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the library or a plugin prints must not come between what is said.
    out = os.dup(1)
    os.dup2(2, 1)
    inward = sys.stdin.buffer
    request = json.loads(inward.readline())
    blocks = Blocks(request["memory"], request["slots"], request["rows"], out, inward)
    try:
        read(request, blocks)
        blocks.say(end=True)
    except LibraryMissingError as error:
        blocks.say(missing=str(error))
    except BabeltraceError as error:
        blocks.say(unreadable=str(error))
    except Exception as error:  # noqa: BLE001
        # Whatever it is, the parent is waiting to hear of it.
        blocks.say(failed=f"{type(error).__name__}: {error}")
    # Without the library's and Python's own endings, which have nothing left to save.
    os._exit(0)
