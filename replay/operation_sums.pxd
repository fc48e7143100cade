cimport cython
from libc.stdint cimport int64_t
from replay cimport spans
from replay.cfi cimport _Opcode, _Status
from replay.columns cimport _Answer, _Effect, _Flag, _OpField, _OpKind, _Outcome, _RowKind
from replay.state cimport Asked, Chip, Operations, Row, Rows, Steps, Totals

cdef int64_t ABSENT, OP_FIELDS
cdef _Opcode Opcode
cdef _Status Status
cdef _Answer Answer
cdef _Effect Effect
cdef _Flag Flag
cdef _OpField OpField
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind

cdef int add(Chip chip, Rows rows, int64_t i, int64_t kind, int64_t expected) except -1 nogil
cdef int add_word(Operations operations, Totals totals, Rows rows, int64_t i) except -1 nogil
@cython.locals(word=int64_t)
cdef inline int digest(Operations operations, int64_t value) except -1 nogil
cdef inline int widen_words(Operations operations, int64_t start, int64_t end) except -1 nogil
cdef inline int widen_span(Operations operations, int64_t start, int64_t end) except -1 nogil
@cython.locals(write=cython.bint)
cdef int count(
    Totals totals, Row row, Rows rows, int64_t i, int64_t kind, int64_t op_kind
) except -1 nogil
cdef int count_read(Totals totals, int64_t answer) except -1 nogil
cdef int count_reset(Chip chip, int64_t seq, bint midway) except -1 nogil
cdef int count_effect(Totals totals, Row row) except -1 nogil
cdef int count_outcome(Totals totals, int64_t outcome, int64_t op_kind) except -1 nogil
cdef int begin_operation(Operations operations, Rows rows, int64_t i, int64_t cmd, int64_t status) except -1 nogil
@cython.locals(data=cython.bint)
cdef int add_to_operation(
    Operations operations, Row row, Rows rows, int64_t i, int64_t kind, int64_t op_kind
) except -1 nogil
cdef int add_write(Operations operations, Row row, Rows rows, int64_t i) except -1 nogil
cdef int add_read(Operations operations, int64_t offset, int64_t value, int64_t answer) except -1 nogil
@cython.locals(meant=cython.bint)
cdef int add_effect(Operations operations, Row row, int64_t op_kind) except -1 nogil
cdef int end_operation(Chip chip) except -1 nogil
cdef int append(Operations operations) except -1 nogil
@cython.locals(given=cython.bint)
cdef bint is_asked(Asked asked, Row row, Rows rows, int64_t i, int64_t kind) except -1 nogil
@cython.locals(effect=cython.bint)
cdef int give(
    Chip chip, Steps steps, Row row, int64_t i, int64_t expected
) except -1 nogil
