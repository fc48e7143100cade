cimport cython
from libc.stdint cimport int64_t
from replay cimport machine, operation_sums
from replay.behaviour cimport _Behaviour
from replay.cfi02 cimport machine as cfi02_machine
from replay.columns cimport _Effect, _Outcome, _RowKind, _Stop
from replay.command_set cimport _CommandSet
from replay.state cimport Chip, Rows

cdef int64_t _ROWS_PER_STEP, _SLACK
cdef _Behaviour Behaviour
cdef _CommandSet CommandSet
cdef _Effect Effect
cdef _Outcome Outcome
cdef _RowKind RowKind
cdef _Stop Stop

cdef bint has_room(Chip chip) noexcept nogil
cdef int64_t room(Chip chip) noexcept nogil
@cython.locals(cfi01=cython.bint, undetermined=cython.bint)
cdef int64_t run(Chip chip, Rows rows, int64_t start, int64_t end) except? -9 nogil
