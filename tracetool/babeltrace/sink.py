"""The read loop as a function that the library can call, in either form."""

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
    """The function. It lives as long as this object.

    Args:
        library: what the loop calls.
        loop: its state.

    Attributes:
        address: of the function, as `bt_graph_add_simple_sink_component` wants it.
        raised: what the loop raised; the library was told that it failed.
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
            # Whatever leaves a function that C called is lost, and the library would call it again for ever.
            self.raised = error
            return Status.ERROR
