cimport cython
from libc.stdint cimport int64_t
from replay cimport contents, selfcheck
from replay.cfi02 cimport cycles
from replay.cfi02.facts cimport _Command, _Cycle, _Status
from replay.columns cimport _Answer, _Flag, _RowKind
from replay.state cimport Chip

cdef int64_t ABSENT, ARRAY_READS, BLANK_ID, CFI_TABLE_SIZE, CMD_UNKNOWN, _ADDRESS_BITS, _EXTENDED_ID, _LAST_ID, \
    _PROTECTION, _STATUS_BITS
cdef _Command Command
cdef _Cycle Cycle
cdef _Status Status
cdef _Answer Answer
cdef _Flag Flag
cdef _RowKind RowKind

cdef int64_t predict_read(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except? -9 nogil
cdef int64_t count_read(Chip chip) except? -9 nogil
@cython.locals(announced=cython.bint, comes=cython.bint)
cdef bint ends_array_reads(Chip chip) except -1 nogil
cdef int64_t read_status(
    Chip chip, int64_t seq, int64_t position, int64_t toggled, int64_t value
) except? -9 nogil
cdef int64_t read_identifier(
    Chip chip, int64_t position, int64_t address, int64_t offset, int64_t size
) except? -9 nogil
cdef int64_t read_array(Chip chip, int64_t position, int64_t offset, int64_t size) except? -9 nogil
