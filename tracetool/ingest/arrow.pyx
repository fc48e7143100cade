"""Integers of polars' columns, copied in one pass, which releases the GIL.

Ref: Apache Arrow, "The Arrow C data interface" and "The Arrow C stream interface".
"""

cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy


cdef struct Schema:
    const char *format
    const char *name
    const char *metadata
    int64_t flags, n_children
    Schema **children
    Schema *dictionary
    void (*release)(Schema *) noexcept nogil
    void *private_data


cdef struct Array:
    int64_t length, null_count, offset, n_buffers, n_children
    const void **buffers
    Array **children
    Array *dictionary
    void (*release)(Array *) noexcept nogil
    void *private_data


cdef struct Stream:
    int (*get_schema)(Stream *, Schema *) noexcept nogil
    int (*get_next)(Stream *, Array *) noexcept nogil
    const char *(*get_last_error)(Stream *) noexcept nogil
    void (*release)(Stream *) noexcept nogil
    void *private_data


ctypedef fused Value:
    uint8_t
    uint16_t
    uint32_t
    int64_t

ctypedef fused Target:
    uint8_t
    int64_t


cdef void _copy(const Value *values, const uint8_t *known, int64_t offset, Target *room, int64_t length, Target absent) noexcept nogil:
    """Copy values from `offset` on. `known` is a bitmap, NULL where no value is null."""
    cdef int64_t i = 0, end
    cdef uint8_t bits
    values += offset
    if known == NULL and sizeof(Value) == sizeof(Target):
        memcpy(room, values, <size_t>length * sizeof(Target))
        return
    if known == NULL:
        for i in range(length):
            room[i] = <Target>values[i]
        return
    while i < length:
        bits = known[(offset + i) >> 3] >> ((offset + i) & 7)
        end = min(length, i + 8 - ((offset + i) & 7))
        while i < end:
            room[i] = <Target>values[i] if bits & 1 else absent
            bits >>= 1
            i += 1


cdef bint _take(Array *array, char width, Target *room, Target absent) noexcept nogil:
    """Copy an array's integers, of a width by Arrow's letter; False for another letter."""
    cdef const uint8_t *known = <const uint8_t *>array.buffers[0] if array.null_count else NULL
    cdef const void *values = array.buffers[1]
    if width == b"C":
        _copy(<const uint8_t *>values, known, array.offset, room, array.length, absent)
    elif width == b"S":
        _copy(<const uint16_t *>values, known, array.offset, room, array.length, absent)
    elif width == b"I":
        _copy(<const uint32_t *>values, known, array.offset, room, array.length, absent)
    elif width == b"l" or width == b"L":
        _copy(<const int64_t *>values, known, array.offset, room, array.length, absent)
    else:
        return False
    return True


def fill(column, Target[::1] room, Target absent):
    """See `integers.fill`."""
    capsule = column.__arrow_c_stream__()
    cdef Stream *stream = <Stream *>PyCapsule_GetPointer(capsule, "arrow_array_stream")
    cdef Schema schema
    cdef Array array
    cdef int64_t at = 0
    cdef bint fits = True
    cdef char width
    if stream.get_schema(stream, &schema):
        raise ValueError("a column without a schema")
    width = schema.format[0]
    schema.release(&schema)
    with nogil:
        while fits and stream.get_next(stream, &array) == 0 and array.release != NULL:
            fits = array.length <= room.shape[0] - at
            if fits and array.length:
                fits = _take(&array, width, &room[at], absent)
            at += array.length
            array.release(&array)
    if not fits or at != room.shape[0]:
        raise ValueError("a column of other integers, or of another length")
