cimport cython
from libc.stdint cimport int64_t
from replay cimport spans
from replay.columns cimport _Effect, _Flag, _JournalKind, _Position, _Target
from replay.state cimport Chip

cdef int64_t ABSENT, SECTOR_BYTES, _WORD
cdef _Effect Effect
cdef _Flag Flag
cdef _JournalKind JournalKind
cdef _Position Position
cdef _Target Target

cdef int effect(Chip chip, int64_t what, int64_t offset, int64_t length) except -1 nogil
cdef int64_t keep_bytes(Chip chip, int64_t target, int64_t low, int64_t high) except? -9 nogil
cdef int64_t keep_mask(Chip chip, int64_t target, int64_t low, int64_t high) except? -9 nogil
cdef bint all_known(Chip chip) noexcept nogil
cdef bint is_counted(Chip chip, int64_t kind, int64_t target) noexcept nogil
cdef int open_row(Chip chip, int64_t seq, int64_t kind, int64_t target, int64_t low, int64_t high) except -1 nogil
cdef int close_row(Chip chip, int64_t kind, int64_t target, int64_t low, int64_t high) except -1 nogil
cdef int count_changes(
    Chip chip, int64_t kind, int64_t low, int64_t high, int64_t before, int64_t before_mask
) except -1 nogil
cdef int widen_hull(Chip chip, int64_t low, int64_t high) except -1 nogil
cdef int copy_back(Chip chip, int64_t low, int64_t high) except -1 nogil
cdef int write_back(Chip chip, int64_t seq, int64_t low, int64_t high) except -1 nogil
@cython.locals(both=cython.bint)
cdef int64_t commit_target(Chip chip, int64_t high) noexcept nogil
@cython.locals(known=cython.bint, octet=int64_t)
cdef int64_t read_word(Chip chip, int64_t offset, int64_t size) except? -9 nogil
cdef int store_word(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value, bint backed) except -1 nogil
cdef int settle(Chip chip, int64_t kind, int64_t target, int64_t low, int64_t high) except -1 nogil
cdef int erase_block(Chip chip, int64_t seq, int64_t low, int64_t high) except -1 nogil
cdef int forget(Chip chip, int64_t seq, int64_t start, int64_t end) except -1 nogil
cdef int forget_in(Chip chip, int64_t seq, int64_t target, int64_t low, int64_t high) except -1 nogil
cdef int open_window(Chip chip, int64_t offset) except -1 nogil
cdef int close_window(Chip chip) except -1 nogil
cdef bint window_covers(Chip chip, int64_t offset, int64_t size) noexcept nogil
cdef int stage_word(Chip chip, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int flush_window(Chip chip, int64_t seq) except -1 nogil
cdef int commit_window(Chip chip, int64_t low, int64_t high) except -1 nogil
cdef int drop_window(Chip chip) except -1 nogil
cdef int refuse(Chip chip, int64_t offset, int64_t size, bint read_only) except -1 nogil
