cimport cython
from libc.stdint cimport int64_t, uint8_t

from tracetool.ingest cimport octets
from tracetool.ingest.names cimport _Refusal

cdef _Refusal Refusal
cdef int64_t _ITEM_BYTES


@cython.final
cdef class StringTable:
    cdef readonly int64_t capacity, count, used
    cdef readonly uint8_t[::1] pool
    cdef readonly int64_t[::1] ends
    cdef int64_t[::1] slots
    cdef int64_t _mask, _slot

    cpdef int64_t length_of(self, int64_t number) except? -9 nogil
    cpdef bint holds(self, int64_t number, uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil
    cpdef int64_t find(self, uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil
    cpdef int64_t add(self, uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil
    cpdef int64_t intern(self, uint8_t[::1] data, int64_t at, int64_t length) except? -9 nogil
