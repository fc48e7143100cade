# The members of the enumeration: importing it fills the struct of its names.
from libc.stdint cimport int64_t

cdef struct _CommandSet:
    int64_t CFI01, CFI02
