"""Babeltrace graph: sources, a muxer that merges all streams in time order, the read loop as sink.

There is a source for each trace, or one for the session that a relay daemon sends.

Ref: babeltrace2/graph/graph.h; babeltrace2-source.ctf.fs(7), babeltrace2-source.ctf.lttng-live(7),
babeltrace2-filter.utils.muxer(7), babeltrace2-query-babeltrace.support-info(7),
babeltrace2-query-babeltrace.trace-infos(7).
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace.errors import BabeltraceError, take_causes
from tracetool.babeltrace.library import LOG_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracetool.babeltrace.library import Library

__all__ = ["Graph", "Plugins"]

_MAP = 1 << 8
NO_CAUSE = "it does not say why"


class Plugins:
    """Component classes, and queries to them about a trace.

    Raises:
        BabeltraceError: the library's standard plugins are missing.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        ctf, utils = self._plugin("ctf"), self._plugin("utils")
        self.source = library.bt_plugin_borrow_source_component_class_by_name_const(ctf, b"fs")
        self.muxer = library.bt_plugin_borrow_filter_component_class_by_name_const(utils, b"muxer")
        self.live = library.bt_plugin_borrow_source_component_class_by_name_const(ctf, b"lttng-live")
        if not self.source or not self.muxer:
            raise BabeltraceError("its plugins ctf and utils lack the components fs and muxer")

    def _plugin(self, name: str) -> int:
        found = ctypes.c_void_p()
        # Search the folders of environment, user and system; skip what cannot be loaded.
        status = self.library.bt_plugin_find(name.encode(), 1, 1, 1, 1, 0, ctypes.byref(found))
        if status or not found.value:
            self.library.bt_current_thread_clear_error()
            raise BabeltraceError(f"its plugin {name} is not installed")
        return found.value

    @contextmanager
    def _query(self, what: str, parameters: int) -> Iterator[int | None]:
        """Query the source's class; None if it fails."""
        library, result = self.library, ctypes.c_void_p()
        executor = library.bt_query_executor_create(self.source, what.encode(), parameters)
        library.bt_value_put_ref(parameters)
        status = library.bt_query_executor_query(executor, ctypes.byref(result))
        if status:
            library.bt_current_thread_clear_error()
        try:
            yield None if status else result.value
        finally:
            library.bt_value_put_ref(result)
            library.bt_query_executor_put_ref(executor)

    def group_of(self, folder: str) -> str:
        """Return the group that parts of one trace in several folders share; the folder itself if there is none."""
        library = self.library
        parameters = library.bt_value_map_create()
        library.bt_value_map_insert_string_entry(parameters, b"type", b"directory")
        library.bt_value_map_insert_string_entry(parameters, b"input", _bytes(folder))
        with self._query("babeltrace.support-info", parameters) as answer:
            if not answer or library.bt_value_get_type(answer) != _MAP:
                return folder
            group = library.bt_value_map_borrow_entry_value_const(answer, b"group")
            return library.bt_value_string_get(group).decode("utf-8", "replace") if group else folder

    def span_of(self, folders: Iterable[str]) -> tuple[int, int] | None:
        """Return the time span of the streams in ns from the clock's origin, None if unknown."""
        library, times = self.library, []
        with self._query("babeltrace.trace-infos", self.inputs(folders)) as answer:
            for trace in self._elements(answer):
                streams = library.bt_value_map_borrow_entry_value_const(trace, b"stream-infos")
                for stream in self._elements(streams):
                    span = library.bt_value_map_borrow_entry_value_const(stream, b"range-ns")
                    for key in (b"begin", b"end") if span else ():
                        moment = library.bt_value_map_borrow_entry_value_const(span, key)
                        times.append(library.bt_value_integer_signed_get(moment))
        return (min(times), max(times)) if times else None

    def _elements(self, array: int | None) -> Iterator[int]:
        for at in range(self.library.bt_value_array_get_length(array) if array else 0):
            yield self.library.bt_value_array_borrow_element_by_index_const(array, at)

    def inputs(self, folders: Iterable[str]) -> int:
        """Create a map with the parameter `inputs`."""
        library = self.library
        array = library.bt_value_array_create()
        for folder in folders:
            library.bt_value_array_append_string_element(array, _bytes(folder))
        parameters: int = library.bt_value_map_create()
        library.bt_value_map_insert_entry(parameters, b"inputs", array)
        library.bt_value_put_ref(array)
        return parameters


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


class Graph:
    """Graph with a source for each trace; `finish` adds the sink, then `run` reads.

    Args:
        plugins: the library's plugins.
        traces: folders of each trace.
        log_level: of the components.

    Attributes:
        complaint: the library's warning about a trace that it could still read; empty if there is none.

    Raises:
        BabeltraceError: metadata or a stream is unreadable.
    """

    def __init__(self, plugins: Plugins, traces: Iterable[Sequence[str]], log_level: int = LOG_LEVEL) -> None:
        self.plugins = plugins
        self._log_level = log_level
        self.library = plugins.library
        self.graph = self.library.bt_graph_create(0)
        self.complaint = ""
        self._ports: list[int] = []
        """Output ports of the sources, one per stream."""
        try:
            for number, folders in enumerate(traces):
                self._add(number, folders)
        except BabeltraceError:
            self.close()
            raise

    @classmethod
    def of_session(cls, plugins: Plugins, url: str) -> Graph:
        """Build a graph with the session of a relay daemon at an address.

        Raises:
            BabeltraceError: the library lacks the component, or the daemon cannot be reached.
        """
        if not plugins.live:
            raise BabeltraceError("its plugin ctf lacks the component lttng-live")
        graph = cls(plugins, ())
        parameters = plugins.inputs([url])
        plugins.library.bt_value_map_insert_string_entry(parameters, b"session-not-found-action", b"fail")
        try:
            graph._add_source(plugins.live, b"live", parameters)
        except BabeltraceError:
            graph.close()
            raise
        return graph

    def _add(self, number: int, folders: Sequence[str]) -> None:
        """Add the source of one trace."""
        parameters = self.plugins.inputs(folders)
        # The trace's name carries its folder, from which `Classes` takes the process.
        self.library.bt_value_map_insert_string_entry(parameters, b"trace-name", _bytes(folders[0]))
        self._add_source(self.plugins.source, b"trace %d" % number, parameters)

    def _add_source(self, component: int, name: bytes, parameters: int) -> None:
        library, found = self.library, ctypes.c_void_p()
        status = library.bt_graph_add_source_component(
            self.graph, component, name, parameters, self._log_level, ctypes.byref(found)
        )
        library.bt_value_put_ref(parameters)
        self._check(status)
        borrow = library.bt_component_source_borrow_output_port_by_index_const
        self._ports += [borrow(found, at) for at in range(library.bt_component_source_get_output_port_count(found))]

    def finish(self, consume: int) -> bool:
        """Connect the streams through the muxer to the sink function at an address; False if there is no stream.

        Raises:
            BabeltraceError: the streams do not fit together.
        """
        if not self._ports:
            return False
        library, muxer, sink = self.library, ctypes.c_void_p(), ctypes.c_void_p()
        self._check(
            library.bt_graph_add_filter_component(
                self.graph, self.plugins.muxer, b"muxer", None, self._log_level, ctypes.byref(muxer)
            )
        )
        self._check(
            library.bt_graph_add_simple_sink_component(
                self.graph, b"sink", None, consume, None, None, ctypes.byref(sink)
            )
        )
        for at, port in enumerate(self._ports):
            self._connect(port, library.bt_component_filter_borrow_input_port_by_index_const(muxer, at))
        merged = library.bt_component_filter_borrow_output_port_by_index_const(muxer, 0)
        self._connect(merged, library.bt_component_sink_borrow_input_port_by_index_const(sink, 0))
        return True

    def run(self) -> bool:
        """Run until the sink makes a request; return False at the end.

        Raises:
            BabeltraceError: the rest of the trace is unreadable.
        """
        status: int = self.library.bt_graph_run(self.graph)
        # A stream cut within an event leaves an error behind without returning it; the next call would abort on it.
        causes = take_causes(self.library)
        if status < 0:
            raise BabeltraceError(causes or self.complaint or NO_CAUSE)
        self.complaint = self.complaint or causes
        return status != 0

    def close(self) -> None:
        """Free the graph with its components."""
        self.library.bt_graph_put_ref(self.graph)

    def _connect(self, upstream: Any, downstream: Any) -> None:  # noqa: ANN401
        self._check(self.library.bt_graph_connect_ports(self.graph, upstream, downstream, None))

    def _check(self, status: int) -> None:
        if status:
            raise BabeltraceError(take_causes(self.library) or NO_CAUSE)
