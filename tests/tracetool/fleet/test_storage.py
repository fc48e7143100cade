from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.tracetool.fleet.rows import a_row, a_table, code_row
from tracetool.errors import InputError
from tracetool.fleet.storage import DESCRIPTION, is_fleet_table, read_fleet_table
from tracetool.fleet.table import FLEET_SCHEMA
from tracetool.report.frames import write_parquet_frames

if TYPE_CHECKING:
    from pathlib import Path

TABLE = a_table(
    a_row("a", findings=[{"rule": "SEQ002", "severity": "error", "count": 2}], reasons=["ü", "b"], codes=["x", "y"]),
    code_row("a"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.parquet"
    with path.open("wb") as stream:
        write_parquet_frames([TABLE], FLEET_SCHEMA, stream, lambda: dict(DESCRIPTION))
    return path


def test_a_table_comes_back_as_it_was(file: Path) -> None:
    assert is_fleet_table(file)
    assert_frame_equal(read_fleet_table(file), TABLE)


def test_other_files_are_no_tables(tmp_path: Path) -> None:
    for name, data in (("log", b"text"), ("empty", b""), ("stub", b"PAR1"), ("cut", b"PAR1\xff\xff\xff\x7fPAR1")):
        (tmp_path / name).write_bytes(data)
        assert not is_fleet_table(tmp_path / name)
    TABLE.select("run").write_parquet(tmp_path / "other.parquet")
    assert not is_fleet_table(tmp_path / "other.parquet")


def test_damage_is_found(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"fleet\.parquet"):
        read_fleet_table(file)


def test_a_table_that_somebody_else_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    TABLE.write_parquet(path, metadata=dict(DESCRIPTION))
    with pytest.raises(InputError, match="without its checksum"):
        read_fleet_table(path)


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    old = TABLE.drop("board")
    with path.open("wb") as stream:
        write_parquet_frames([old], old.schema, stream, lambda: dict(DESCRIPTION))
    with pytest.raises(InputError, match="another version"):
        read_fleet_table(path)
    assert isinstance(old, pl.DataFrame)
