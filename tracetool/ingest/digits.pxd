cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

from tracetool.ingest.octets cimport octets_outside

cdef extern from *:
    """
    static const int64_t tracetool_powers[10] = {
        1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000
    };
    #if defined(__GNUC__)
    #define tracetool_lowest_byte(marks) ((marks) ? __builtin_ctzll(marks) >> 3 : 8)
    #else
    static int64_t tracetool_lowest_byte(uint64_t marks) {
        int64_t place = 0;
        while (place < 8 && !(marks >> (8 * place) & 0x80)) place++;
        return place;
    }
    #endif
    """
    const int64_t *tracetool_powers
    int64_t tracetool_lowest_byte(uint64_t marks) noexcept nogil


# Put together from bytes, which compiles to one load; the first byte is the lowest whatever the byte order.
cdef inline uint64_t _word(const uint8_t *p) noexcept nogil:
    return (
        <uint64_t>p[0] | <uint64_t>p[1] << 8 | <uint64_t>p[2] << 16 | <uint64_t>p[3] << 24
        | <uint64_t>p[4] << 32 | <uint64_t>p[5] << 40 | <uint64_t>p[6] << 48 | <uint64_t>p[7] << 56
    )


cdef inline bint _inside(uint8_t[::1] data, int64_t at) noexcept nogil:
    return 0 <= at <= data.shape[0] - 16


# Adding to a byte below 0x80 carries into its highest bit where the byte is at least so large.
cdef inline int64_t _decimals(uint64_t word) noexcept nogil:
    cdef uint64_t low = word & 0x7F7F7F7F7F7F7F7FULL
    cdef uint64_t digits = (low + 0x5050505050505050ULL) & ~(low + 0x4646464646464646ULL) & ~word
    return tracetool_lowest_byte(~digits & 0x8080808080808080ULL)


cdef inline int64_t _hexadecimals(uint64_t word) noexcept nogil:
    cdef uint64_t low = word & 0x7F7F7F7F7F7F7F7FULL
    cdef uint64_t digits = (low + 0x5050505050505050ULL) & ~(low + 0x4646464646464646ULL)
    cdef uint64_t letters = (low + 0x1F1F1F1F1F1F1F1FULL) & ~(low + 0x1919191919191919ULL)
    return tracetool_lowest_byte(~((digits | letters) & ~word) & 0x8080808080808080ULL)


# What precedes 1 to 8 digits is as if it were zeros.
cdef inline int64_t _decimal(uint64_t word, int64_t digits) noexcept nogil:
    word = (word & 0x0F0F0F0F0F0F0F0FULL) << (64 - 8 * digits)
    word = (word * 0xA01ULL >> 8) & 0x00FF00FF00FF00FFULL
    word = (word * 0x640001ULL >> 16) & 0x0000FFFF0000FFFFULL
    return <int64_t>(word * 0x271000000001ULL >> 32)


cdef inline uint64_t _hexadecimal(uint64_t word, int64_t digits) noexcept nogil:
    word = (word & 0x0F0F0F0F0F0F0F0FULL) + 9 * (word >> 6 & 0x0101010101010101ULL)
    word <<= 64 - 8 * digits
    word = (word << 4 | word >> 8) & 0x00FF00FF00FF00FFULL
    word = (word << 8 | word >> 16) & 0x0000FFFF0000FFFFULL
    return (word << 16 | word >> 32) & 0xFFFFFFFFULL


@cython.boundscheck(False)
cdef inline int64_t count_decimals(uint8_t[::1] data, int64_t at) except -1 nogil:
    cdef const uint8_t *p
    cdef int64_t count
    if not _inside(data, at):
        return octets_outside()
    p = &data[at]
    if not 0x30 <= p[1] <= 0x39:
        return 0x30 <= p[0] <= 0x39
    count = _decimals(_word(p))
    return count if count < 8 else 8 + _decimals(_word(p + 8))


@cython.boundscheck(False)
cdef inline int64_t count_hexadecimals(uint8_t[::1] data, int64_t at) except -1 nogil:
    cdef const uint8_t *p
    cdef int64_t count
    if not _inside(data, at):
        return octets_outside()
    p = &data[at]
    count = _hexadecimals(_word(p))
    return count if count < 8 else 8 + _hexadecimals(_word(p + 8))


@cython.boundscheck(False)
cdef inline int64_t decimal(uint8_t[::1] data, int64_t at, int64_t digits) except -1 nogil:
    cdef const uint8_t *p
    if not _inside(data, at):
        return octets_outside()
    p = &data[at]
    if digits == 1:
        return p[0] - 0x30
    if digits <= 8:
        return _decimal(_word(p), digits)
    if digits == 16:
        return _decimal(_word(p), 8) * 100000000 + _decimal(_word(p + 8), 8)
    return _decimal(_word(p), 8) * tracetool_powers[digits - 8] + _decimal(_word(p + 8), digits - 8)


@cython.boundscheck(False)
cdef inline int64_t hexadecimal(uint8_t[::1] data, int64_t at, int64_t digits) except? -1 nogil:
    cdef const uint8_t *p
    if not _inside(data, at):
        return octets_outside()
    p = &data[at]
    if digits <= 8:
        return <int64_t>_hexadecimal(_word(p), digits)
    return <int64_t>(_hexadecimal(_word(p), 8) << 4 * (digits - 8) | _hexadecimal(_word(p + 8), digits - 8))


cdef inline int64_t power_of_ten(int64_t exponent) noexcept nogil:
    return tracetool_powers[exponent]
