/* Stand-in for a QEMU with the ust backend: traces the events whose lines of a log come on standard input. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_guest.h"
#include <stdio.h>

int main(void)
{
    static char line[1 << 12], name[64];
    unsigned long long offset;
    unsigned size, value, cmd, wcycle;

    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "pflash_reset %63[^:]: reset", name) == 1)
            lttng_ust_tracepoint(qemu, pflash_reset, name);
        else if (sscanf(line, "pflash_io_write %63[^:]: offset:%llx size:%u value:%x wcycle:%u",
                        name, &offset, &size, &value, &wcycle) == 5)
            lttng_ust_tracepoint(qemu, pflash_io_write, name, offset, size, value, wcycle);
        else if (sscanf(line, "pflash_io_read %63[^:]: offset:%llx size:%u value:%x cmd:%x wcycle:%u",
                        name, &offset, &size, &value, &cmd, &wcycle) == 6)
            lttng_ust_tracepoint(qemu, pflash_io_read, name, offset, size, value, cmd, wcycle);
    }
    return 0;
}
