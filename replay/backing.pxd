# The members of the enumerations: importing one fills the struct of its names.
from libc.stdint cimport int64_t

cdef struct _Policy:
    int64_t PADDED, DISCARD, VOLATILE, ERROR
