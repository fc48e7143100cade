/* Tracepoints of QEMU's pflash devices, as its ust backend has them. Ref: lttng-ust(3). */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER qemu
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng_guest.h"

#if !defined(LTTNG_GUEST_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LTTNG_GUEST_H

#include <stdint.h>
#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(qemu, pflash_reset, LTTNG_UST_TP_ARGS(const char *, name),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_string(name, name)))

LTTNG_UST_TRACEPOINT_EVENT(qemu, pflash_io_write,
    LTTNG_UST_TP_ARGS(const char *, name, uint64_t, offset, unsigned, size, uint32_t, value, uint8_t, wcycle),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_string(name, name) lttng_ust_field_integer(uint64_t, offset, offset)
        lttng_ust_field_integer(unsigned, size, size) lttng_ust_field_integer_hex(uint32_t, value, value)
        lttng_ust_field_integer(uint8_t, wcycle, wcycle)))

LTTNG_UST_TRACEPOINT_EVENT(qemu, pflash_io_read,
    LTTNG_UST_TP_ARGS(const char *, name, uint64_t, offset, unsigned, size, uint32_t, value, uint8_t, cmd,
        uint8_t, wcycle),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_string(name, name) lttng_ust_field_integer(uint64_t, offset, offset)
        lttng_ust_field_integer(unsigned, size, size) lttng_ust_field_integer_hex(uint32_t, value, value)
        lttng_ust_field_integer(uint8_t, cmd, cmd) lttng_ust_field_integer(uint8_t, wcycle, wcycle)))

#endif

#include <lttng/tracepoint-event.h>
