"""Sink: the read loop as a C function, in either form."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from tracetool.babeltrace.functions import KERNEL, Status
from tracetool.babeltrace.kernel import bind

try:
    from tracetool.babeltrace.native import consume
except ImportError:
    from tracetool.babeltrace.kernel import consume

if TYPE_CHECKING:
    from tracetool.babeltrace.library import Library
    from tracetool.babeltrace.state import Loop

__all__ = ["Sink"]


class Sink:
    """Sink function, valid as long as this object.

    Args:
        library: provides the functions of the loop.
        loop: its state.

    Attributes:
        address: address of the function, for `bt_graph_add_simple_sink_component`.
        raised: exception of the loop, which the library saw as a failure.
    """

    def __init__(self, library: Library, loop: Loop) -> None:
        bind({name: library.address(name) for name in KERNEL})
        self._loop = loop
        self.raised: BaseException | None = None
        self._function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)(self._consume)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value or 0

    def _consume(self, iterator: int, _: int) -> int:
        try:
            return consume(self._loop, iterator)
        except BaseException as error:  # noqa: BLE001
            # An exception, an interrupt too, is lost at the C boundary, and the library would call again for ever.
            self.raised = error
            return Status.ERROR
