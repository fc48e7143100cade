"""Program that decodes a Parquet file and discards the result.

Decoders panic, or end the process, on damaged files. `parquet.py` runs this file in a child process for each file
without a checksum.
"""

from __future__ import annotations

import sys

import polars as pl

__all__: list[str] = []

_ROWS = 1 << 16


def _decode(path: str) -> None:
    scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    pl.read_parquet_metadata(path)
    total = int(scan.select(pl.len()).collect().item())
    for start in range(0, total, _ROWS):
        scan.slice(start, _ROWS).collect(engine="streaming")


if __name__ == "__main__":
    try:
        _decode(sys.argv[1])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        sys.stdout.write(str(error))
        sys.exit(1)
