# C types of `state`: integers, and buffers that `engine` allocates.
cimport cython
from libc.stdint cimport int64_t, uint8_t
from replay.cfi02.state cimport SectorState

@cython.final
cdef class Settings:
    cdef const int64_t[::1] cfi
    cdef public int64_t command_set, size, block, bank, chip, widest_chip, address_shift, manufacturer, device, extended_manufacturer, \
        extended_device, window, extent, policy, behaviour, backed, known, watch_end
    cdef public bint big_endian, read_only, journal, count, check, check_read_events, sum_up

@cython.final
cdef class Row:
    cdef int64_t answer, effect, effect_offset, effect_length, programmed, changed, bits_set, outcome, flags, access_seq, cmd, wcycle, status
    cdef bint unknown, watched

@cython.final
cdef class SelfCheck:
    cdef public int64_t[::1] kind, offset, size, value, counter, extra, held_kind, held_offset, held_size, held_value, held_seq, \
        seen, missing
    cdef public int64_t head, tail, held, differences, first_seq, first_kind, first_actual_kind, first_field, first_expected, \
        first_actual

@cython.final
cdef class Journal:
    cdef uint8_t[::1] data
    cdef int64_t[::1] seq, kind, target, offset, length, before, before_mask, after, after_mask
    cdef public int64_t room, data_room, rows, bytes

@cython.final
cdef class Operations:
    cdef public int64_t[::1] sums
    cdef int64_t[::1] ended
    cdef public int64_t accesses, low, high, words_start, words_low, words_high, data, last_seq, end_ns, number, room, count

@cython.final
cdef class Totals:
    cdef public int64_t accesses, reads, writes, erases, buffered_programs, programs, bytes_programmed, stores, refused, \
        aborted, status_reads, identifier_reads, query_reads, strays, resets, reset_midway, programmed_end, \
        erased_end, commanded_end

@cython.final
cdef class Asked:
    cdef public int64_t flags, beyond, below, writes_after_stray
    cdef public bint everything, writes, stray_seen

@cython.final
cdef class Steps:
    cdef int64_t[::1] row, cmd, wcycle, status, status_after, expected, effect, effect_offset, effect_length, programmed, \
        changed, bits_set, op, op_kind, outcome, flags
    cdef public int64_t room, count

@cython.final
cdef class Rows:
    cdef const int64_t[::1] seq, kind, offset, size, value, cmd, wcycle, counter, length, text, time_ns, boot

@cython.final
cdef class Chip:
    cdef public Settings settings
    cdef public SelfCheck check
    cdef public Journal journal
    cdef public Operations operations
    cdef public Steps steps
    cdef public Row row
    cdef public Totals totals
    cdef public Asked asked
    cdef public SectorState sectors
    cdef public uint8_t[::1] storage, window, touched, storage_mask, backing, backing_mask
    cdef public int64_t position, cmd, wcycle, status, counter, window_start, window_low, window_high, window_bytes, \
        dirty_low, dirty_high, soft_adopted, op, op_kind
    cdef public bint status_known, counter_known, window_scattered, window_partial, unknown_seen, soft, blind, \
        inferred_open, unfinished
