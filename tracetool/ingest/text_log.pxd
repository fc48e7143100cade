cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tracetool.ingest.interning cimport StringTable
from tracetool.ingest.text_codes cimport _Group, _Span, _Step, _Text, _Variant


@cython.final
cdef class Tables:
    cdef uint8_t[::1] letters
    cdef StringTable names
    cdef readonly _Group[::1] groups
    cdef _Variant[::1] variants
    cdef _Step[::1] steps
    cdef _Text[::1] texts


@cython.final
cdef class Rows:
    cdef public int64_t room, count
    cdef public uint8_t[::1] kinds, present, shapes, size, cmd, wcycle
    cdef public uint32_t[::1] threads, devices, texts, value
    cdef public int64_t[::1] lines, times, offset, counter, length, region


@cython.final
cdef class Log:
    cdef Tables tables
    cdef readonly StringTable strings
    cdef public _Span[::1] spans
    cdef public uint8_t[::1] data
    cdef public int64_t[::1] met
    cdef int64_t[::1] followers, chosen
    cdef uint8_t[::1] stem
    cdef public int64_t left, position, line, last_start, device
    cdef int64_t group, stem_bytes, stem_shape, stem_ns, stem_thread
