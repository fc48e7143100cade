"""Reader process: isolates the program from crashes and endless loops of the library.

Standard input carries the request, a line of JSON, then a line for each returned block of the shared memory. Standard
output carries messages as lines of JSON; see `Blocks` and `Reading`.
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
    """Group the folders by the trace whose parts they hold."""
    groups: dict[str, list[str]] = {}
    for folder in folders:
        groups.setdefault(plugins.group_of(folder) if len(folders) > 1 else folder, []).append(folder)
    return list(groups.values())


def _whole_or_saved(plugins: Plugins, traces: list[list[str]], scratch: str) -> tuple[Graph, list[str]]:
    """Build a graph of all readable streams; return it with notes on the unreadable ones.

    Raises:
        BabeltraceError: nothing is readable.
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
    """Serve a request.

    Raises:
        LibraryMissingError: there is no libbabeltrace2.
        BabeltraceError: nothing of the trace can be read.
    """
    library = Library(request["library"])
    plugins = Plugins(library)
    if "live" in request:
        _read_live(plugins, request, blocks)
        return
    traces = _grouped(plugins, request["folders"])
    graph, notes = _whole_or_saved(plugins, traces, request["scratch"])
    blocks.say(notes=notes, span=plugins.span_of(request["folders"]) if request["span"] else None)
    reading = Reading(library, blocks, request["prefix"], request["layouts"])
    if not graph.finish(reading.address):
        return
    try:
        reading.run(graph)
    except BabeltraceError as error:
        blocks.say(broken=str(error))
    else:
        if graph.complaint:
            blocks.say(notes=[f"babeltrace2 says of it: {graph.complaint}"])


def _read_live(plugins: Plugins, request: dict[str, Any], blocks: Blocks) -> None:
    """Serve a request for a session of a relay daemon, until SIGTERM or its end."""
    graph = Graph.of_session(plugins, request["live"])
    reading = Reading(plugins.library, blocks, request["prefix"], request["layouts"], live=True)
    signal.signal(signal.SIGTERM, lambda *_: reading.stop())
    if not graph.finish(reading.address):
        return
    try:
        reading.run(graph)
    except BabeltraceError as error:
        blocks.say(**{"broken" if reading.begun else "unreadable": str(error)})


def main() -> None:
    """Serve the request on standard input, then exit."""
    # Ctrl-C reaches the parent too, which closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Output of the library or a plugin must not mix with the messages.
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
        # The parent waits for a message, whatever the error is.
        blocks.say(failed=f"{type(error).__name__}: {error}")
    # Skip the cleanup of the library and of Python, which have nothing left to save.
    os._exit(0)
