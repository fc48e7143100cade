# Byte spans in C. Both ends are accessed before a block is moved or compared, which checks the bounds of the span.
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

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

cdef inline const uint8_t *bytes_at(uint8_t[::1] octets, int64_t at, int64_t length) except NULL nogil:
    cdef const uint8_t *last = &octets[at + length - 1]
    return &octets[at] if &octets[at] <= last else NULL

cdef inline uint64_t eight(const uint8_t *octets) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, octets, 8)
    return word

# An erase compares whole blocks, most of whose bytes are alike: eight at a time.
cdef inline int64_t count_differences(uint8_t[::1] these, int64_t at, uint8_t[::1] others, int64_t low, int64_t high) except -1 nogil:
    cdef const uint8_t *first
    cdef const uint8_t *second
    cdef uint64_t other
    cdef int64_t i = 0, count = 0, length = high - low
    if length > 0:
        first = bytes_at(these, at, length)
        second = bytes_at(others, low, length)
        while i <= length - 8:
            other = eight(first + i) ^ eight(second + i)
            if other:  # the lowest bit of each byte becomes 1 where any of its bits is, and the product adds them up
                other |= other >> 4
                other |= other >> 2
                other |= other >> 1
                count += ((other & 0x0101010101010101ULL) * 0x0101010101010101ULL) >> 56
            i += 8
        while i < length:
            count += first[i] != second[i]
            i += 1
    return count

cdef inline int64_t count_bits_set(uint8_t[::1] before, int64_t at, uint8_t[::1] after, int64_t low, int64_t high) except -1 nogil:
    cdef const uint8_t *was
    cdef const uint8_t *now
    cdef int64_t i = 0, count = 0, length = high - low
    cdef int bits
    if length > 0:
        was = bytes_at(before, at, length)
        now = bytes_at(after, low, length)
        while i < length:
            if i <= length - 8 and not ~eight(was + i) & eight(now + i):
                i += 8
            else:
                bits = (was[i] ^ 0xFF) & now[i]
                while bits:
                    bits &= bits - 1
                    count += 1
                i += 1
    return count

# All bytes are alike where each is as the next.
cdef inline bint holds_other(uint8_t[::1] mask, int64_t at, int64_t length, int64_t value) except -1 nogil:
    cdef const uint8_t *first
    if length <= 0:
        return False
    first = bytes_at(mask, at, length)
    return first[0] != value or memcmp(first, first + 1, length - 1) != 0
