"""Tables of fleets in Parquet files, as `fleet -o` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError
from tracetool.fleet.table import FLEET_SCHEMA
from tracetool.ingest.formats.parquet import MAGIC
from tracetool.ingest.parquet_checksum import has_checksum
from tracetool.sanitize import excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DESCRIPTION", "is_fleet_table", "read_fleet_table"]

_KEY = "tracetool.fleet"
DESCRIPTION: Mapping[str, str] = {_KEY: "1"}
"""Metadata of such a file: its version."""

_NAMED = f"{_KEY}".encode()


def is_fleet_table(path: Path) -> bool:
    """True for a Parquet file whose metadata names it a fleet's; OSError if it cannot be read."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return False
        size = file.seek(0, 2)
        file.seek(max(size - 8, 0))
        footer = int.from_bytes(file.read(4), "little")
        file.seek(max(size - 8 - footer, 0))
        return _NAMED in file.read(min(footer, size))


def read_fleet_table(path: Path) -> pl.DataFrame:
    """Read the table of a fleet, a frame of `FLEET_SCHEMA`.

    Raises:
        InputError: it is damaged, or of another version of the program.
    """
    if not has_checksum(str(path)):
        raise InputError(f"{path}: is a table of a fleet without its checksum; write it again with fleet -o")
    try:
        table = pl.read_parquet(path, glob=False, hive_partitioning=False)
        version = pl.read_parquet_metadata(path).get(_KEY)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(f"{path}: is a damaged table of a fleet ({excerpt(str(error))}); copy it again") from error
    if version != DESCRIPTION[_KEY] or table.schema != FLEET_SCHEMA:
        raise InputError(f"{path}: is a table of another version's fleet; write it again with fleet -o")
    return table
