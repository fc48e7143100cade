cimport cython
from libc.stdint cimport int64_t
from replay.cfi cimport _Opcode, _Status
from replay.columns cimport _Effect, _Flag, _OpKind, _Outcome, _RowKind
from replay.state cimport Chip, Rows

cdef int64_t ABSENT
cdef _Opcode Opcode
cdef _Status Status
cdef _Effect Effect
cdef _Flag Flag
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind

@cython.locals(counts=cython.bint)
cdef int add(
    Chip chip, Rows rows, int64_t i, int64_t kind, int64_t cmd, int64_t wcycle, int64_t status, int64_t expected
) except -1 nogil
@cython.locals(write=cython.bint)
cdef int count(Chip chip, Rows rows, int64_t i, int64_t kind, int64_t cmd, int64_t wcycle) except -1 nogil
cdef int count_read(Chip chip, int64_t cmd) except -1 nogil
cdef int count_effect(Chip chip) except -1 nogil
cdef int count_outcome(Chip chip) except -1 nogil
cdef int begin_operation(Chip chip, Rows rows, int64_t i, int64_t cmd, int64_t status) except -1 nogil
cdef int add_to_operation(Chip chip, Rows rows, int64_t i, int64_t kind, int64_t cmd, int64_t wcycle) except -1 nogil
cdef int add_write(Chip chip, Rows rows, int64_t i, int64_t cmd, int64_t wcycle) except -1 nogil
cdef int add_read(Chip chip, Rows rows, int64_t i, int64_t cmd) except -1 nogil
cdef bint polls(int64_t command) noexcept nogil
@cython.locals(meant=cython.bint)
cdef int add_effect(Chip chip) except -1 nogil
cdef int end_operation(Chip chip) except -1 nogil
@cython.locals(asked=cython.bint, write=cython.bint, stored=cython.bint)
cdef bint is_asked(Chip chip, Rows rows, int64_t i, int64_t kind) except -1 nogil
@cython.locals(effect=cython.bint)
cdef int give(
    Chip chip, int64_t i, int64_t cmd, int64_t wcycle, int64_t status, int64_t expected
) except -1 nogil
