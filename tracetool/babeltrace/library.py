"""libbabeltrace2, loaded at run time.

Ref: the headers in /usr/include/babeltrace2, version 2.0.
"""

from __future__ import annotations

import ctypes
from typing import Any

from tracetool.babeltrace.functions import KERNEL, prototype

__all__ = ["LOG_LEVEL", "SILENT", "Library", "LibraryMissingError"]

_SONAMES = ("libbabeltrace2.so.0", "libbabeltrace2.so", "libbabeltrace2.dylib")
_MAJOR = 2
LOG_LEVEL = 5
"""Log level of components: errors, whose text is more specific than their causes. Logged to standard error."""
SILENT = 0xFF
"""Log level of components that are only tried."""

# Letters as in `functions.prototype`.
_OTHERS: dict[str, str] = {
    "bt_version_get_major": "I",
    "bt_graph_create": "pQ",
    "bt_graph_put_ref": "vp",
    "bt_graph_run": "ip",
    "bt_graph_add_source_component": "ippspip",
    "bt_graph_add_filter_component": "ippspip",
    "bt_graph_add_simple_sink_component": "ipsppppp",
    "bt_graph_connect_ports": "ipppp",
    "bt_plugin_find": "isiiiiip",
    "bt_plugin_borrow_source_component_class_by_name_const": "pps",
    "bt_plugin_borrow_filter_component_class_by_name_const": "pps",
    "bt_component_source_get_output_port_count": "Qp",
    "bt_component_source_borrow_output_port_by_index_const": "ppQ",
    "bt_component_filter_borrow_input_port_by_index_const": "ppQ",
    "bt_component_filter_borrow_output_port_by_index_const": "ppQ",
    "bt_component_sink_borrow_input_port_by_index_const": "ppQ",
    "bt_query_executor_create": "ppsp",
    "bt_query_executor_query": "ipp",
    "bt_query_executor_put_ref": "vp",
    "bt_value_map_create": "p",
    "bt_value_map_insert_entry": "ipsp",
    "bt_value_map_insert_string_entry": "ipss",
    "bt_value_map_borrow_entry_value_const": "pps",
    "bt_value_array_create": "p",
    "bt_value_array_append_string_element": "ips",
    "bt_value_array_get_length": "Qp",
    "bt_value_array_borrow_element_by_index_const": "ppQ",
    "bt_value_string_get": "sp",
    "bt_value_integer_signed_get": "qp",
    "bt_value_get_type": "Qp",
    "bt_value_put_ref": "vp",
    "bt_event_borrow_stream_const": "pp",
    "bt_stream_borrow_trace_const": "pp",
    "bt_trace_get_name": "sp",
    "bt_trace_borrow_environment_entry_value_by_name_const": "pps",
    "bt_event_class_get_name": "sp",
    "bt_event_class_get_ref": "vp",
    "bt_event_class_borrow_payload_field_class_const": "pp",
    "bt_event_class_borrow_specific_context_field_class_const": "pp",
    "bt_event_class_borrow_stream_class_const": "pp",
    "bt_stream_class_borrow_event_common_context_field_class_const": "pp",
    "bt_stream_class_borrow_default_clock_class_const": "pp",
    "bt_clock_class_origin_is_unix_epoch": "ip",
    "bt_field_class_get_type": "Qp",
    "bt_field_class_structure_get_member_count": "Qp",
    "bt_field_class_structure_borrow_member_by_index_const": "ppQ",
    "bt_field_class_structure_member_get_name": "sp",
    "bt_field_class_structure_member_borrow_field_class_const": "pp",
    "bt_message_discarded_events_get_count": "ipp",
    "bt_current_thread_take_error": "p",
    "bt_error_get_cause_count": "Qp",
    "bt_error_borrow_cause_by_index": "ppQ",
    "bt_error_cause_get_message": "sp",
    "bt_error_release": "vp",
    "bt_current_thread_clear_error": "v",
}


class LibraryMissingError(Exception):
    """libbabeltrace2 cannot be loaded; the message has the reason, if known."""


def _load(path: str | None) -> ctypes.CDLL:
    reasons = []
    for name in (path,) if path else _SONAMES:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            reasons.append(str(error))
    from ctypes.util import find_library  # noqa: PLC0415  slow import that runs programs

    found = None if path else find_library("babeltrace2")
    if found is None:
        raise LibraryMissingError(reasons[0])
    return ctypes.CDLL(found)


class Library:
    """Functions of the library as attributes.

    Args:
        path: its file; None searches the system's libraries.

    Raises:
        LibraryMissingError: it is missing, or lacks a function.
    """

    def __init__(self, path: str | None = None) -> None:
        self.shared = _load(path)
        try:
            for name, letters in (_OTHERS | KERNEL).items():
                function = getattr(self.shared, name)
                function.restype, *function.argtypes = prototype(letters)
                setattr(self, name, function)
        except AttributeError as error:
            raise LibraryMissingError(str(error)) from error
        if self.bt_version_get_major() != _MAJOR:
            raise LibraryMissingError(f"it is version {self.bt_version_get_major()}")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Report an undeclared function. Declared ones are plain attributes."""
        raise AttributeError(f"{name} is not declared")

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return ctypes.cast(getattr(self.shared, name), ctypes.c_void_p).value or 0
