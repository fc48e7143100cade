# Entry points of the compiled machine for Python; `run` releases the GIL.
from libc.stdint cimport int64_t
from replay cimport loop, operation_sums
from replay.state cimport Chip, Rows


def run(Chip chip not None, Rows rows not None, int64_t start, int64_t end):
    """`loop.run`, compiled."""
    cdef int64_t why
    with nogil:
        why = loop.run(chip, rows, start, end)
    return why


def end_operation(Chip chip not None):
    """`operation_sums.end_operation`, compiled."""
    operation_sums.end_operation(chip)
