"""The process that reads: a crash of the library, or a trace that makes it go round in circles, ends here.

It is told what to do by a line of JSON on its standard input; each further line there gives it back a block of the
shared memory. It says what it has in lines of JSON on its standard output; see `Blocks` and `Reading`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from tracetool.babeltrace.blocks import Blocks
from tracetool.babeltrace.errors import BabeltraceError
from tracetool.babeltrace.graph import Graph, Plugins
from tracetool.babeltrace.library import Library, LibraryMissingError
from tracetool.babeltrace.reading import Reading

__all__ = ["main", "read"]


def _grouped(plugins: Plugins, folders: list[str]) -> list[list[str]]:
    """The folders that hold parts of the same trace together."""
    groups: dict[str, list[str]] = {}
    for folder in folders:
        groups.setdefault(plugins.group_of(folder) if len(folders) > 1 else folder, []).append(folder)
    return list(groups.values())


def _whole_or_saved(plugins: Plugins, traces: list[list[str]], scratch: str) -> tuple[Graph, list[str]]:
    """A graph with all that can be read of these traces; what cannot, in words.

    Raises:
        BabeltraceError: nothing can.
    """
    try:
        return Graph(plugins, traces), []
    except BabeltraceError as error:
        from tracetool.babeltrace.salvage import salvage  # noqa: PLC0415  whole traces do not need it

        saved = [salvage(plugins, folders, scratch) for folders in traces]
        kept = [each.folders for each in saved if each.folders]
        if not kept:
            raise
        try:
            return Graph(plugins, kept), [note for each in saved for note in each.notes]
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
    graph, notes = _whole_or_saved(plugins, traces, request["scratch"])
    blocks.say(notes=notes, span=plugins.span_of(request["folders"]) if request["span"] else None)
    reading = Reading(library, blocks, request["layouts"])
    if not graph.finish(reading.address):
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
