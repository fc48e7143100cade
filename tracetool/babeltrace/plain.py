"""The read loop as plain Python, calling the library through ctypes: for short traces, and where numba is missing."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from tracetool.babeltrace import kernel
from tracetool.babeltrace.library import KERNEL, KERNEL_LIBC

if TYPE_CHECKING:
    from tracetool.babeltrace.library import Library

__all__ = ["Plain"]

_ERROR = -1
_SLOW = frozenset({"bt_message_iterator_next"})


def _load(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


class Plain:
    """The loop in Python, as a function the library can call.

    Attributes:
        address: of that function, as `bt_graph_add_simple_sink_component` wants it.
        state: the loop's state, seen as words.
        block: the block it fills, seen as words.
        raised: what the loop raised; the library was told that it failed.
    """

    def __init__(self, library: Library) -> None:
        self.state: memoryview[int] = memoryview(b"").cast("q")
        self.block: memoryview[int] = memoryview(b"").cast("q")
        self.raised: Exception | None = None
        functions: dict[str, Any] = {name: library.quick(name) for name in KERNEL | KERNEL_LIBC}
        # Reading the files may take long, and other threads run meanwhile; the rest is over at once.
        functions |= {name: getattr(library, name) for name in _SLOW}
        vars(kernel).update(functions, load=_load)
        self._function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)(self._consume)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value or 0

    def _consume(self, iterator: int, _: int) -> int:
        try:
            return kernel.consume(iterator, self.state, self.block)
        except Exception as error:  # noqa: BLE001
            # Whatever leaves a function that C called is lost, and the library would call it again for ever.
            self.raised = error
            return _ERROR
