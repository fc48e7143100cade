# C types of `state`.
cimport cython
from libc.stdint cimport int64_t, uint8_t

@cython.final
cdef class SectorState:
    cdef const int64_t[::1] region_end, region_sector, region_first
    cdef public uint8_t[::1] erasing
    cdef public int64_t pending, reads, chip_erase_at, unfinished_at, wanted, untimed
    cdef public bint bypass, suspended, timer, direct_reads, in_flight, quiet
