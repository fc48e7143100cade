cimport cython
from libc.stdint cimport int64_t

from tracetool.ingest cimport digits, octets
from tracetool.ingest.text_codes cimport _Head
from tracetool.ingest.text_log cimport Log, Rows

cdef _Head Head
cdef int64_t LONGEST_HEAD, LONGEST_STEM, MARKER_BYTES, NO_EVENT, PREFIX_BYTES
cdef int64_t _SECOND, _SECONDS_DIGITS, _MOST, _0, _9, _SPACE, _DELETE, _AT, _DOT, _COLON, _DASH, _OPEN, _CLOSE, _LOW_LINE, \
    _P, _T, _Z

cdef int64_t read_head(Log log, Rows rows, int64_t at) except? -9 nogil
cdef int _keep_stem(Log log, int64_t start, int64_t end) except -1 nogil
cdef int64_t _read_stem(Log log, int64_t at) except? -9 nogil
cdef int64_t _seconds(Log log, int64_t at) except? -9 nogil
@cython.locals(first=int64_t, second=int64_t)
cdef int64_t _two(Log log, int64_t at) except? -9 nogil
cdef int64_t _days(int64_t year, int64_t month, int64_t day) noexcept nogil
cdef int64_t _iso8601(Log log, int64_t at) except? -9 nogil
cdef int64_t _past_spaces(Log log, int64_t at) except? -9 nogil
@cython.locals(octet=int64_t)
cdef int64_t _task(Log log, int64_t at) except? -9 nogil
cdef int64_t _past_flags(Log log, int64_t at) except? -9 nogil
cdef int64_t _ftrace(Log log, int64_t at) except? -9 nogil
cdef int64_t _past_marker(Log log, int64_t start, int64_t at) except? -9 nogil
