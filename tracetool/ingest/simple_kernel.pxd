cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tracetool.ingest cimport octets
from tracetool.ingest.interning cimport StringTable
from tracetool.ingest.names cimport _Refusal
from tracetool.ingest.simple_codes cimport _Field, _Id, _Reason, _Stop

cdef extern from *:
    """
    #ifdef __GNUC__
    #undef CYTHON_INLINE
    #define CYTHON_INLINE inline __attribute__((always_inline)) /* GCC calls what all events go through */
    #endif
    """

cdef _Field Field
cdef _Id Id
cdef _Reason Reason
cdef _Refusal Refusal
cdef _Stop Stop
cdef int64_t EVENT_HEAD, HEAD, LONGEST, LONGEST_DEVICE, LONGEST_PFLASH, LEAST_VALUE, LOST, TIME_BITS, VALUE_BITS


@cython.final
cdef class Tables:
    cdef int64_t[::1] variant_kind, variant_last, variant_first, variant_strings, variant_numbers, variant_era
    cdef int64_t[::1] field, forbidden, allowed


@cython.final
cdef class Rows:
    cdef public int64_t count, capacity
    cdef uint8_t[::1] kinds, narrow, present
    cdef uint32_t[::1] processes, values, devices, texts
    cdef int64_t[::1] times, wide


@cython.final
cdef class Reader:
    cdef uint8_t[::1] data
    cdef Tables tables
    cdef public Rows rows
    cdef public StringTable strings
    cdef public int64_t[::1] names
    cdef int64_t[::1] losses
    cdef public int64_t big, end, position, records, other, lost, reason, era, device, device_start, device_length


cdef inline bint _fits(Reader reader, int64_t at, int64_t end, int64_t variant) except -1 nogil
cdef inline int64_t _put_string(Reader reader, int64_t field, int64_t at, int64_t length) except -1 nogil
cdef inline bint _is_last_device(Reader reader, int64_t at, int64_t length) except -1 nogil
cdef inline bint _put_number(Tables tables, Rows rows, int64_t argument, int64_t value) except -1 nogil
cdef inline int64_t _arguments(Reader reader, int64_t at, int64_t variant) except -1 nogil
cdef inline int64_t _event(Reader reader, int64_t at, int64_t end, int64_t variant) except -1 nogil
cdef inline int64_t _read_as(Reader reader, int64_t at, int64_t end, int64_t variant) except -1 nogil
cdef inline int _finish(Reader reader, int64_t at, int64_t variant) except -1 nogil
cdef int64_t _loss(Reader reader, int64_t at, int64_t length) except -1 nogil
cdef inline int64_t _name_of(Reader reader, int64_t number) except -1 nogil
cdef inline int64_t _record(Reader reader, int64_t at, int64_t length) except -1 nogil
cdef bint _is_long(Reader reader, int64_t at, int64_t length) except -1 nogil
cdef inline int64_t _next(Reader reader) except -1 nogil
cdef int64_t walk(Reader reader) except -1 nogil
