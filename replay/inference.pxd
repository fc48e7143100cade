from libc.stdint cimport int64_t
from replay cimport contents, cycles
from replay.cfi cimport _Opcode
from replay.columns cimport _Flag, _OpKind, _Outcome, _RowKind
from replay.state cimport Chip

cdef int64_t CMD_UNKNOWN, COUNTER_FAR
cdef _Opcode Opcode
cdef _Flag Flag
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind

cdef int adopt_wcycle(Chip chip, int64_t seq, int64_t wcycle) except -1 nogil
cdef int flush_unconfirmed(Chip chip, int64_t seq) except -1 nogil
cdef int begin_buffered(Chip chip) except -1 nogil
cdef int infer(
    Chip chip, int64_t seq, int64_t kind, int64_t offset, int64_t size, int64_t value, int64_t length
) except -1 nogil
cdef int infer_change(
    Chip chip, int64_t seq, int64_t kind, int64_t offset, int64_t size, int64_t value, int64_t length
) except -1 nogil
