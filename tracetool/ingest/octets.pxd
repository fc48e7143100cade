# The bodies of `octets` where it is compiled. Each checks its spans once, and then uses pointers.
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define OCTETS_BIG 1
    #else
    #define OCTETS_BIG 0
    #endif

    static int octets_outside(void) {
        PyGILState_STATE state = PyGILState_Ensure();
        PyErr_SetString(PyExc_IndexError, "bytes outside of the buffer");
        PyGILState_Release(state);
        return -1;
    }
    """
    const int OCTETS_BIG  # the machine has the high byte of numbers first
    # Raise; in C, since what Cython writes for it is too long for the functions here to be inlined.
    int octets_outside() noexcept nogil


cdef inline bint _inside(uint8_t[::1] data, int64_t at, int64_t length) noexcept nogil:
    return at >= 0 and length >= 0 and at <= data.shape[0] - length


cdef inline uint64_t _swapped(uint64_t word) noexcept nogil:
    word = (word & 0x00FF00FF00FF00FFULL) << 8 | (word >> 8 & 0x00FF00FF00FF00FFULL)
    word = (word & 0x0000FFFF0000FFFFULL) << 16 | (word >> 16 & 0x0000FFFF0000FFFFULL)
    return word << 32 | word >> 32


@cython.boundscheck(False)
cdef inline int64_t load32(uint8_t[::1] data, int64_t at, int64_t big) except? -1 nogil:
    cdef uint32_t word
    if not _inside(data, at, 4):
        return octets_outside()
    memcpy(&word, &data[at], 4)
    return word if big == OCTETS_BIG else <int64_t>(_swapped(word) >> 32)


@cython.boundscheck(False)
cdef inline int64_t load64(uint8_t[::1] data, int64_t at, int64_t big) except? -1 nogil:
    cdef uint64_t word
    if not _inside(data, at, 8):
        return octets_outside()
    memcpy(&word, &data[at], 8)
    return <int64_t>word if big == OCTETS_BIG else <int64_t>_swapped(word)


@cython.boundscheck(False)
cdef inline int64_t hash_bytes(uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil:
    cdef uint64_t value = <uint64_t>length, word
    if not _inside(data, at, length):
        return octets_outside()
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


# Most spans are short, and a call of `memcmp` takes longer than to compare a few words: the last may overlap another.
@cython.boundscheck(False)
cdef inline bint same_bytes(
    uint8_t[::1] data, int64_t at, uint8_t[::1] others, int64_t start, int64_t length
) noexcept nogil:
    cdef const uint8_t *p
    cdef const uint8_t *q
    cdef int64_t i = 0
    if not _inside(data, at, length) or not _inside(others, start, length):
        return False
    if length == 0:
        return True
    p = &data[at]
    q = &others[start]
    if length > 64:
        return memcmp(p, q, <size_t>length) == 0
    if length >= 8:
        while i < length - 8:
            if memcmp(p + i, q + i, 8):
                return False
            i += 8
        return memcmp(p + length - 8, q + length - 8, 8) == 0
    if length >= 4:
        return memcmp(p, q, 4) == 0 and memcmp(p + length - 4, q + length - 4, 4) == 0
    while i < length:
        if p[i] != q[i]:
            return False
        i += 1
    return True


@cython.boundscheck(False)
cdef inline bint are_printable(uint8_t[::1] data, int64_t at, int64_t length) except -1 nogil:
    cdef int64_t i
    if not _inside(data, at, length):
        return octets_outside()
    for i in range(at, at + length):
        if data[i] < 0x20 or data[i] == 0x7F:
            return False
    return True


@cython.boundscheck(False)
cdef inline int copy_bytes(
    uint8_t[::1] target, int64_t at, uint8_t[::1] source, int64_t start, int64_t length
) except -1 nogil:
    if not _inside(target, at, length) or not _inside(source, start, length):
        return octets_outside()
    if length:
        memcpy(&target[at], &source[start], <size_t>length)
    return 0


@cython.boundscheck(False)
cdef inline int64_t find_byte(uint8_t[::1] data, int64_t value, int64_t start, int64_t end) except? -2 nogil:
    cdef const uint8_t *first
    cdef const uint8_t *found
    if not _inside(data, start, end - start):
        octets_outside()
        return -2
    if start == end:
        return -1
    first = &data[start]
    found = <const uint8_t *>memchr(first, <int>value, <size_t>(end - start))
    return -1 if found == NULL else start + (found - first)
