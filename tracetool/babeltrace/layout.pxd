# The members of the enumerations: importing one fills the struct of its names.
from libc.stdint cimport int64_t

cdef struct _Column:
    int64_t MESSAGE, CODES, TIME, PROCESS, THREAD, FIRST_NUMBER

cdef struct _Ask:
    int64_t NOTHING, ROOM, CLASS, WORD, LOSS
