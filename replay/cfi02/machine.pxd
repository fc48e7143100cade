cimport cython
from libc.stdint cimport int64_t
from replay cimport contents, operation_sums, selfcheck
from replay.cfi02 cimport cycles, reads
from replay.cfi02.facts cimport _Command, _Cycle, _Status
from replay.columns cimport _Field, _Flag, _OpKind, _Outcome, _RowKind
from replay.state cimport Chip, Rows

cdef int64_t ABSENT
cdef _Command Command
cdef _Cycle Cycle
cdef _Status Status
cdef _Field Field
cdef _Flag Flag
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind

cdef int reset(Chip chip, int64_t seq) except -1 nogil
cdef int write(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value, int64_t wcycle) except -1 nogil
cdef int end_input(Chip chip, int64_t seq) except -1 nogil
@cython.locals(unseen_reset=cython.bint, unseen_timer=cython.bint)
cdef int follow(Chip chip, int64_t seq, int64_t kind, int64_t wcycle) except -1 nogil
cdef int64_t read(
    Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value, int64_t cmd, int64_t wcycle
) except? -9 nogil
cdef int come_unexpected(Chip chip, int64_t seq) except -1 nogil
cdef int check_state(Chip chip, int64_t seq, int64_t cmd, int64_t wcycle) except -1 nogil
cdef int timer(Chip chip, int64_t seq, int64_t cmd) except -1 nogil
cdef int idle(Chip chip, int64_t seq) except -1 nogil
cdef int end_untimed(Chip chip, int64_t seq) except -1 nogil
cdef int inner(Chip chip, Rows rows, int64_t i, int64_t seq, int64_t kind) except -1 nogil
@cython.locals(untimed=cython.bint)
cdef int infer(Chip chip, Rows rows, int64_t i, int64_t seq, int64_t kind, int64_t expected) except -1 nogil
cdef int infer_change(
    Chip chip, int64_t seq, int64_t kind, int64_t offset, int64_t size, int64_t value
) except -1 nogil
cdef int64_t do_row(Chip chip, Rows rows, int64_t i, int64_t seq, int64_t kind) except? -9 nogil
