cimport cython
from libc.stdint cimport int64_t
from replay cimport contents, selfcheck, spans
from replay.backing cimport _Policy
from replay.behaviour cimport _Behaviour
from replay.cfi cimport _Opcode, _Status
from replay.columns cimport _Flag, _OpKind, _Outcome, _RowKind, _Text
from replay.state cimport Chip

cdef int64_t ABSENT, ABSENT_COUNTER
cdef _Policy Policy
cdef _Behaviour Behaviour
cdef _Opcode Opcode
cdef _Status Status
cdef _Flag Flag
cdef _OpKind OpKind
cdef _Outcome Outcome
cdef _RowKind RowKind
cdef _Text Text

cdef int read_array(Chip chip) except -1 nogil
cdef int begin(Chip chip, int64_t kind) except -1 nogil
cdef int set_up(Chip chip, int64_t command, int64_t kind, int64_t wcycle, int64_t text) except -1 nogil
@cython.locals(reaches=cython.bint)
cdef bint is_writable(Chip chip, int64_t offset, int64_t size) noexcept nogil
cdef bint is_driver_command(Chip chip, int64_t command, int64_t size, int64_t value) except -1 nogil
cdef int command_cycle(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int clear_status(Chip chip) except -1 nogil
cdef int leave(Chip chip, int64_t command) except -1 nogil
cdef int stray(Chip chip) except -1 nogil
cdef int erase(Chip chip, int64_t seq, int64_t offset) except -1 nogil
cdef int second_cycle(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int program(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int confirm_erase(Chip chip, int64_t confirm) except -1 nogil
cdef int confirm_lock(Chip chip, int64_t confirm) except -1 nogil
cdef int take_count(Chip chip, int64_t offset, int64_t value) except -1 nogil
cdef int data_cycle(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int take_word(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except -1 nogil
cdef int write_back_around(Chip chip, int64_t seq, int64_t offset) except -1 nogil
@cython.locals(confirmed=cython.bint)
cdef int confirm_cycle(Chip chip, int64_t seq, int64_t offset, int64_t value) except -1 nogil
cdef int flush(Chip chip, int64_t seq, int64_t offset) except -1 nogil
