from libc.stdint cimport int64_t

cdef struct _Stop:
    int64_t MORE, MAPPING, FULL, DAMAGED, BROKEN

cdef struct _Reason:
    int64_t ARGUMENTS, RANGE, TEXT, UNNAMED

cdef struct _Id:
    int64_t UNNAMED, ANOTHER, PFLASH

cdef struct _Field:
    int64_t OFFSET, COUNTER, LENGTH, REGION, SHOWN, SIZE, COMMAND, WCYCLE, VALUE, DEVICE, TEXT, END, DIGITS, DROP
