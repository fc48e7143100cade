# The members of the enumerations: importing one fills the struct of its names. The records: as numpy lays them out.
from libc.stdint cimport int64_t

cdef struct _Stop:
    int64_t END, ROWS, SPANS

cdef struct _Head:
    int64_t BARE, PID_TIME, ISO8601, FTRACE

cdef struct _Form:
    int64_t END_OF_LINE, HEXADECIMAL, DECIMAL, ACCESS_SIZE, TEXT_TO_END

cdef struct _Column:
    int64_t OFFSET, SIZE, VALUE, CMD, WCYCLE, COUNTER, LENGTH, REGION

cdef struct _Group:
    int64_t start, length, first, variants

cdef struct _Variant:
    int64_t kind, named, first, steps

cdef struct _Step:
    int64_t start, length, form, column, digits, first, texts

cdef struct _Text:
    int64_t start, length

cdef struct _Span:
    int64_t line, lines, start, end
