# The members of the enumerations: importing one fills the struct of its names.
from libc.stdint cimport int64_t

cdef struct _Command:
    int64_t \
        NONE, CHIP_ERASE, UNLOCK_BYPASS, SECTOR_ERASE, SECOND_UNLOCK, ERASE_SETUP, AUTOSELECT, CFI_QUERY, PROGRAM, \
        FIRST_UNLOCK, SUSPEND, RESET

cdef struct _Cycle:
    int64_t REST, UNLOCK, COMMAND, SET_UP, ERASE_UNLOCK, ERASE_COMMAND, ERASING, QUERY, AUTOSELECT_QUERY

cdef struct _Status:
    int64_t DQ2, DQ3, DQ6, DQ7
