# The members of the enumerations: importing one fills the struct of its names.
from libc.stdint cimport int64_t

cdef struct _Opcode:
    int64_t \
        READ_ARRAY_RESET, LOCK_CONFIRM, PROGRAM_ALTERNATE, BLOCK_ERASE, BLOCK_ERASE_ALTERNATE, PROGRAM, CLEAR_STATUS, \
        LOCK_SETUP, READ_STATUS, READ_IDENTIFIER, CFI_QUERY, CONFIRM, BUFFERED_PROGRAM, AMD_RESET, READ_ARRAY

cdef struct _Status:
    int64_t PROGRAM_ERROR, ERASE_ERROR, READY
