"""Entry points of the compiled loop for Python, which release the GIL."""

from libc.stdint cimport int64_t
from tracetool.babeltrace cimport kernel
from tracetool.babeltrace.state cimport Loop


def consume(Loop loop not None, int64_t iterator):
    """See `kernel.consume`."""
    cdef int64_t status
    with nogil:
        status = kernel.consume(loop, iterator)
    return status
