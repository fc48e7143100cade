from libc.stdint cimport int64_t
from replay.columns cimport _Field, _Flag, _RowKind
from replay.state cimport Chip

cdef int64_t ABSENT, ABSENT_COUNTER, HELD
cdef _Field Field
cdef _Flag Flag
cdef _RowKind RowKind

cdef int disagree(
    Chip chip, int64_t seq, int64_t kind, int64_t actual_kind, int64_t field, int64_t expected, int64_t actual
) except -1 nogil
cdef int out_of_step(
    Chip chip, int64_t seq, int64_t kind, int64_t actual_kind, int64_t field, int64_t expected, int64_t actual
) except -1 nogil
cdef int expect(
    Chip chip, int64_t kind, int64_t offset, int64_t size, int64_t value, int64_t counter, int64_t extra
) except -1 nogil
cdef int expect_event(Chip chip, int64_t kind) except -1 nogil
cdef int expect_text(Chip chip, int64_t code) except -1 nogil
cdef int miss(Chip chip, int64_t seq, int64_t kind) except -1 nogil
cdef int drain_expected(Chip chip, int64_t seq) except -1 nogil
cdef int64_t take_expected(Chip chip, int64_t kind) except? -9 nogil
cdef int tick_off(Chip chip, int64_t seq, int64_t position) except -1 nogil
cdef int compare_fields(
    Chip chip, int64_t seq, int64_t position, int64_t offset, int64_t size, int64_t value, int64_t counter, int64_t extra
) except -1 nogil
cdef int compare_counter(Chip chip, int64_t seq, int64_t kind, int64_t expected, int64_t actual) except -1 nogil
cdef int hold(Chip chip, int64_t seq, int64_t kind, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int release_held(Chip chip) except -1 nogil
cdef int64_t check_held(
    Chip chip, int64_t position, int64_t kind, int64_t offset, int64_t size, int64_t value
) except? -9 nogil
cdef int finish_held(Chip chip, int64_t position) except -1 nogil
cdef int64_t check(
    Chip chip, int64_t position, int64_t kind, int64_t offset, int64_t size, int64_t value
) except? -9 nogil
cdef int finish(Chip chip, int64_t position) except -1 nogil
