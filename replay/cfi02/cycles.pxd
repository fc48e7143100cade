cimport cython
from libc.stdint cimport int64_t
from replay cimport contents, selfcheck, spans
from replay.cfi02.facts cimport _Command, _Cycle, _Status
from replay.columns cimport _Effect, _Flag, _OpKind, _Outcome, _RowKind, _Text
from replay.state cimport Chip

cdef int64_t ABSENT, ABSENT_COUNTER, ADDRESS_MASK, CMD_UNKNOWN, FIRST_ADDRESS, QUERY_ADDRESS, SECOND_ADDRESS
cdef _Command Command
cdef _Cycle Cycle
cdef _Status Status
cdef _Effect Effect
cdef _Flag Flag
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind
cdef _Text Text

cdef int begin(Chip chip, int64_t kind, int64_t outcome) except -1 nogil
cdef int expect(Chip chip, int64_t kind, int64_t offset, int64_t value) except -1 nogil
cdef int rest(Chip chip) except -1 nogil
cdef int give_up(Chip chip) except -1 nogil
cdef int expect_idle(Chip chip) except -1 nogil
cdef int abort(Chip chip, int64_t flag) except -1 nogil
cdef int refuse_command(Chip chip) except -1 nogil
cdef int reset_command(Chip chip) except -1 nogil
@cython.locals(midway=cython.bint)
cdef bint is_midway(Chip chip) noexcept nogil
cdef int write_cycle(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int unlock(Chip chip, int64_t address, int64_t command) except -1 nogil
cdef int second_unlock(Chip chip, int64_t address, int64_t command) except -1 nogil
cdef int command_cycle(Chip chip, int64_t address, int64_t command) except -1 nogil
cdef int set_up_cycle(
    Chip chip, int64_t seq, int64_t address, int64_t command, int64_t offset, int64_t size, int64_t value
) except -1 nogil
cdef int leave_autoselect(Chip chip, int64_t address, int64_t command) except -1 nogil
cdef int program(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
@cython.locals(octet=int64_t, unknown=cython.bint)
cdef int store(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int forget_bits(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int64_t region_of(Chip chip, int64_t offset) except? -9 nogil
cdef int64_t sector_of(Chip chip, int64_t offset) except? -9 nogil
cdef int erase_command(Chip chip, int64_t seq, int64_t address, int64_t command, int64_t offset) except -1 nogil
cdef int erase_sector(Chip chip, int64_t seq, int64_t offset) except -1 nogil
cdef int start_erase(Chip chip, int64_t command) except -1 nogil
cdef int erase_chip(Chip chip) except -1 nogil
cdef int erase_more(Chip chip, int64_t seq) except -1 nogil
cdef int erasing_cycle(Chip chip, int64_t seq, int64_t command, int64_t offset) except -1 nogil
cdef int rest_from_suspend(Chip chip) except -1 nogil
cdef int resume(Chip chip) except -1 nogil
cdef int timer_expired(Chip chip) except -1 nogil
cdef int end_sectors(Chip chip) except -1 nogil
cdef int adopt_cycle(Chip chip, int64_t cycle) except -1 nogil
