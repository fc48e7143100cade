# The members of the enumerations: importing one fills the struct of its names.
from libc.stdint cimport int64_t

cdef struct _Behaviour:
    int64_t UNDETERMINED, DIRECT, STAGED_AT_COUNT, STAGED_AT_DATA
