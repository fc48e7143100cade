from libc.stdint cimport int64_t

from tracetool.ingest cimport digits, octets, text_heads
from tracetool.ingest.text_codes cimport _Column, _Form, _Stop
from tracetool.ingest.text_log cimport Log, Rows

cdef _Column Column
cdef _Form Form
cdef _Stop Stop
cdef int64_t LONGEST_DEVICE, LONGEST_NAME, NO_EVENT, PREFIX_BYTES
cdef int64_t _LINE_FEED, _RETURN, _SPACE, _COLON, _DELETE, _P

cdef int64_t scan(Log log, Rows rows, int64_t end) except? -9 nogil
cdef inline int _take_row(Log log, Rows rows, int64_t start) except -1 nogil
cdef int _leave(Log log, int64_t start, int64_t end) except -1 nogil
cdef inline int64_t _event(Log log, Rows rows, int64_t at) except? -9 nogil
cdef inline int64_t _group_at(Log log, int64_t at) except? -9 nogil
cdef inline bint _is_group(Log log, int64_t at, int64_t group) except -1 nogil
cdef inline int64_t _arguments(Log log, Rows rows, int64_t at, int64_t variant) except? -9 nogil
cdef inline int64_t _past_literal(Log log, int64_t at, int64_t step) except? -9 nogil
cdef inline int64_t _line_end(Log log, int64_t at) except? -9 nogil
cdef inline int64_t _number(Log log, Rows rows, int64_t at, int64_t step) except? -9 nogil
cdef inline int _put(Rows rows, int64_t column, int64_t value) except -1 nogil
cdef int64_t _text(Log log, Rows rows, int64_t at, int64_t step) except? -9 nogil
cdef inline int64_t _device(Log log, int64_t at) except? -9 nogil
cdef int64_t _name_length(Log log, int64_t at) except? -9 nogil
cdef int64_t _intern_device(Log log, int64_t at, int64_t length) except? -9 nogil
