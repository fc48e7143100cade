"""Measure how fast a trace is read into frames, in this process: `python -m benchmarks.rate TRACE`.

Prints events, seconds and processor seconds of the second reading; the first warms caches and compiles.
"""

from __future__ import annotations

import json
import sys
import time

from tracetool.ingest import open_trace


def main(path: str) -> None:
    """Read a trace twice and print the figures of the second time."""
    found = {"events": 0, "seconds": 0.0, "cpu_seconds": 0.0}
    for _ in range(2):
        reader = open_trace(path)
        wall, cpu = time.perf_counter(), time.process_time()
        events = sum(frame.height for frame in reader.chunks())
        found = {
            "events": events,
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
