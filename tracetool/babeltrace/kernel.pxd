from libc.stdint cimport int64_t
from tracetool.babeltrace cimport functions
from tracetool.babeltrace.functions cimport _MessageType, _Status
from tracetool.babeltrace.layout cimport _Ask
from tracetool.babeltrace.state cimport ClassNumbers, Loop, Places, Strings

cdef _MessageType MessageType
cdef _Status Status
cdef _Ask Ask
cdef int64_t CLASS_SLOTS, MAX_FIELDS, NO_TIME

cpdef int64_t slot_of(ClassNumbers numbers, int64_t address) except -1 nogil
cdef int64_t find_string(Strings strings, int64_t text, int64_t last) except -1 nogil
cdef int64_t integer(int64_t field, bint signed) noexcept nogil
cdef int64_t time_of(Loop loop, int64_t message) except? -9 nogil
cdef int64_t from_context(Places places, int64_t number, int64_t event) except? -9 nogil
cdef int64_t read_texts(Loop loop, int64_t payload, int64_t number) except? -9 nogil
cdef int read_integers(Loop loop, int64_t payload, int64_t number) except -1 nogil
cdef bint read_row(Loop loop, int64_t message, int64_t event, int64_t number) except -1 nogil
cdef bint read_event(Loop loop, int64_t message) except -1 nogil
cdef bint read_message(Loop loop) except -1 nogil
cdef int64_t consume(Loop loop, int64_t iterator) except? -9 nogil
