# Byte spans in C. Both ends are accessed before a block is moved, which checks the bounds of the span.
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memmove, memset

cdef inline int64_t low_bits(int64_t bits) noexcept nogil:
    return (<int64_t>1 << bits) - 1

cdef inline int copy_bytes(uint8_t[::1] target, int64_t at, uint8_t[::1] source, int64_t low, int64_t high) except -1 nogil:
    if low < high:
        target[at] = target[at]
        target[at + high - low - 1] = target[at + high - low - 1]
        memmove(&target[at], &source[low], <size_t>(&source[high - 1] - &source[low] + 1))
    return 0

cdef inline int fill_bytes(uint8_t[::1] target, int64_t low, int64_t high, int64_t value) except -1 nogil:
    if low < high:
        target[low] = target[high - 1] = <uint8_t>value
        memset(&target[low], <int>value, high - low)
    return 0

cdef inline int put_word(uint8_t[::1] target, int64_t at, int64_t size, int64_t value, bint big_endian) except -1 nogil:
    cdef int64_t i
    for i in range(size):
        target[at + i] = <uint8_t>((value >> (8 * (size - 1 - i) if big_endian else 8 * i)) & 0xFF)
    return 0

cdef inline int64_t count_differences(uint8_t[::1] these, int64_t at, uint8_t[::1] others, int64_t low, int64_t high) except -1 nogil:
    cdef int64_t i, count = 0
    for i in range(high - low):
        count += these[at + i] != others[low + i]
    return count

cdef inline int64_t count_bits_set(uint8_t[::1] before, int64_t at, uint8_t[::1] after, int64_t low, int64_t high) except -1 nogil:
    cdef int64_t i, count = 0
    cdef int bits
    for i in range(high - low):
        bits = (before[at + i] ^ 0xFF) & after[low + i]
        while bits:
            bits &= bits - 1
            count += 1
    return count

cdef inline bint holds_other(uint8_t[::1] mask, int64_t at, int64_t length, int64_t value) except -1 nogil:
    cdef int64_t i
    for i in range(length):
        if mask[at + i] != value:
            return True
    return False
