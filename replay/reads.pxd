cimport cython
from libc.stdint cimport int64_t
from replay cimport contents, selfcheck, spans
from replay.backing cimport _Policy
from replay.cfi cimport _Opcode, _Status
from replay.columns cimport _Answer, _RowKind
from replay.state cimport Chip

cdef int64_t ABSENT, CFI_TABLE_SIZE, CMD_UNKNOWN, _WIDEST_X8_BANK, _WORD, _WORD_BITS
cdef _Answer Answer
cdef _Policy Policy
cdef _Opcode Opcode
cdef _Status Status
cdef _RowKind RowKind

@cython.locals(beyond=cython.bint)
cdef int64_t predict_read(Chip chip, int64_t seq, int64_t offset, int64_t size, int64_t value) except? -9 nogil
cdef int64_t answer(int64_t command) noexcept nogil
cdef bint gives_status(int64_t command) noexcept nogil
cdef int64_t deposit(int64_t word, int64_t shift, int64_t bits, int64_t field) noexcept nogil
cdef int64_t replicate(Chip chip, int64_t answer) except? -9 nogil
cdef int64_t read_status(Chip chip, int64_t seq, int64_t size, int64_t value) except? -9 nogil
cdef int64_t read_identifier(Chip chip, int64_t offset, int64_t size) except? -9 nogil
cdef int64_t read_old_identifier(Chip chip, int64_t offset) except? -9 nogil
cdef int64_t query_entry(Chip chip, int64_t index) except? -9 nogil
cdef int64_t read_query(Chip chip, int64_t offset, int64_t size) except? -9 nogil
cdef int64_t query_bank(Chip chip, int64_t offset) except? -9 nogil
cdef int64_t read_unknown(Chip chip, int64_t offset, int64_t size) except? -9 nogil
