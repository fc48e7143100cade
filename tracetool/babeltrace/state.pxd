# C types of `state`. No attribute is ever None: Python code fills the arrays and does not replace them.
cimport cython
from libc.stdint cimport int64_t
from tracetool.babeltrace.layout cimport _Ask, _Column

cdef _Ask Ask
cdef _Column Column
cdef int64_t CLASS_SLOTS, CLASSES, MAX_FIELDS, WORDS

@cython.final
cdef class Cell:
    cdef readonly int64_t[::1] word
    cdef readonly int64_t address

@cython.final
cdef class ClassNumbers:
    cdef readonly int64_t[::1] addresses, numbers
    cpdef clear(self)

@cython.final
cdef class Strings:
    cdef readonly int64_t[::1] addresses
    cdef readonly int64_t count
    cpdef add(self, int64_t address)

@cython.final
cdef class Fields:
    cdef readonly int64_t[::1] count, member, signed, target, last

@cython.final
cdef class Places:
    cdef readonly int64_t[::1] known, specific, member, signed

@cython.final
cdef class Block:
    cdef readonly int64_t[::1] message, codes, time, process, thread, numbers
    cdef readonly int64_t rows

@cython.final
cdef class Loop:
    cdef readonly Block block
    cdef public int64_t seen, other, next, ask
    cdef readonly int64_t row, pause, end, subject
    cdef readonly Cell array, count, time
    cdef readonly ClassNumbers numbers
    cdef readonly Strings strings
    cdef readonly Places processes, threads
    cdef readonly int64_t[::1] clock
    cdef readonly Fields integers, texts
