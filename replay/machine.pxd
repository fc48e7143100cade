from libc.stdint cimport int64_t
from replay cimport contents, cycles, inference, reads, selfcheck, spans, operation_sums
from replay.backing cimport _Policy
from replay.cfi cimport _Opcode, _Status
from replay.columns cimport _Effect, _Field, _OpKind, _Outcome, _RowKind
from replay.state cimport Chip, Rows

cdef int64_t ABSENT
cdef _Policy Policy
cdef _Opcode Opcode
cdef _Status Status
cdef _Effect Effect
cdef _Field Field
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind

cdef int power_up(Chip chip) except -1 nogil
cdef int reset(Chip chip, int64_t seq) except -1 nogil
cdef int postload(Chip chip, int64_t seq) except -1 nogil
cdef int write(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value, int64_t wcycle) except -1 nogil
cdef int write_inside(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int64_t read(
    Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value, int64_t cmd, int64_t wcycle
) except? -9 nogil
cdef int resume(Chip chip) except -1 nogil
cdef int check_state(Chip chip, int64_t seq, int64_t cmd, int64_t wcycle) except -1 nogil
cdef int outer(Chip chip, int64_t seq, int64_t kind, int64_t offset, int64_t size) except -1 nogil
cdef int inner(Chip chip, Rows rows, int64_t i, int64_t seq, int64_t kind) except -1 nogil
cdef int64_t do_row(Chip chip, Rows rows, int64_t i, int64_t seq, int64_t kind) except? -9 nogil
cdef bint awaits_behaviour(Chip chip, int64_t kind) noexcept nogil
