from libc.stdint cimport int64_t

cdef struct _Refusal:
    int64_t NO_ROOM, UNPRINTABLE
