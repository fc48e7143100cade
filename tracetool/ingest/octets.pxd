from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy


cdef inline bint _inside(uint8_t[::1] data, int64_t at, int64_t length) noexcept nogil:
    return 0 <= at and 0 <= length <= data.shape[0] and at <= data.shape[0] - length


cdef inline int _check(uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil:
    if not _inside(data, at, length):
        raise IndexError("bytes outside of the buffer")
    return 0


# Put together from bytes, which compiles to one load whatever the byte order.
cdef inline int64_t load32(uint8_t[::1] data, int64_t at, int64_t big) except? -9 nogil:
    cdef const uint8_t *p
    _check(data, at, 4)
    p = &data[at]
    if big:
        return <uint32_t>p[0] << 24 | <uint32_t>p[1] << 16 | <uint32_t>p[2] << 8 | <uint32_t>p[3]
    return <uint32_t>p[3] << 24 | <uint32_t>p[2] << 16 | <uint32_t>p[1] << 8 | <uint32_t>p[0]


cdef inline int64_t load64(uint8_t[::1] data, int64_t at, int64_t big) except? -9 nogil:
    cdef uint64_t low, high
    low = <uint64_t>load32(data, at + 4 * big, big)
    high = <uint64_t>load32(data, at + 4 - 4 * big, big)
    return <int64_t>(high << 32 | low)


cdef inline int64_t hash_bytes(uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil:
    cdef uint64_t value = <uint64_t>length, word
    _check(data, at, length)
    while length >= 8:
        memcpy(&word, &data[at], 8)
        value = (value ^ word) * 0x9E3779B97F4A7C15ULL
        value ^= value >> 29
        at += 8
        length -= 8
    if length:
        word = 0
        memcpy(&word, &data[at], <size_t>length)
        value = (value ^ word) * 0x9E3779B97F4A7C15ULL
    return <int64_t>(value >> 32)


cdef inline bint same_bytes(
    uint8_t[::1] data, int64_t at, uint8_t[::1] others, int64_t start, int64_t length
) noexcept nogil:
    if not _inside(data, at, length) or not _inside(others, start, length):
        return False
    return length == 0 or memcmp(&data[at], &others[start], <size_t>length) == 0


cdef inline bint are_printable(uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil:
    cdef int64_t i
    _check(data, at, length)
    for i in range(at, at + length):
        if data[i] < 0x20 or data[i] == 0x7F:
            return False
    return True


cdef inline int copy_bytes(
    uint8_t[::1] target, int64_t at, uint8_t[::1] source, int64_t start, int64_t length
) except -1 nogil:
    _check(target, at, length)
    _check(source, start, length)
    if length:
        memcpy(&target[at], &source[start], <size_t>length)
    return 0
