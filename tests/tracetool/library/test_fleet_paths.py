from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import FIRST_BOOT
from tests.tracetool.fleet.test_storage import TABLE
from tests.tracetool.runs import support
from tracetool.errors import InputError, UsageError
from tracetool.fleet.storage import DESCRIPTION
from tracetool.fleet.table import FLEET_SCHEMA
from tracetool.library.fleet_paths import find_runs
from tracetool.report.frames import write_parquet_frames

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of runs, of every kind."""
    path = tmp_path / "runs"
    path.mkdir()
    for number in (2, 10):
        support.FIRST_BOOT.at(path / f"run-{number}")
    shutil.copy(FIRST_BOOT, path / "boot.log.zst")
    session = path / "lttng" / "ust" / "uid" / "0" / "64-bit"
    session.mkdir(parents=True)
    (session / "metadata").write_bytes(b"")
    (session / "channel_0").write_bytes(b"")
    os.mkfifo(path / "pipe")
    return path


def found(*given: Path | str) -> dict[str, bool]:
    return find_runs([str(path) for path in given]).runs


def test_a_folder_is_the_runs_in_it_in_natural_order(folder: Path) -> None:
    names = {path.removeprefix(f"{folder}/"): named for path, named in found(folder).items()}
    assert names == {"boot.log.zst": False, "lttng": True, "run-2": True, "run-10": True}
    assert list(names) == ["boot.log.zst", "lttng", "run-2", "run-10"]


def test_what_is_named_is_a_run_whatever_it_is(folder: Path) -> None:
    given = [folder / "run-2", folder / "boot.log.zst", folder / "missing.log", folder / "run-2"]
    assert found(*given) == {str(path): True for path in sorted(set(given))}


def test_a_pattern_is_what_it_matches(folder: Path) -> None:
    assert list(found(f"{folder}/run-*")) == [f"{folder}/run-2", f"{folder}/run-10"]
    assert list(found(f"{folder}/**/*.log.zst")) == [
        f"{folder}/boot.log.zst",
        *(f"{folder}/run-{number}/trace.log.zst" for number in (2, 10)),
    ]
    with pytest.raises(InputError, match="matches no file"):
        found(f"{folder}/nothing-*")


def test_a_name_with_brackets_is_that_file(folder: Path) -> None:
    path = folder / "run[1].log"
    path.write_bytes(b"")
    assert found(path) == {str(path): True}


def test_a_table_of_a_fleet_is_no_run(folder: Path) -> None:
    table = folder / "fleet.parquet"
    with table.open("wb") as stream:
        write_parquet_frames([TABLE], FLEET_SCHEMA, stream, lambda: dict(DESCRIPTION))
    paths = find_runs([str(table)])
    assert (paths.runs, paths.tables) == ({}, [table])


def test_standard_input_is_no_run() -> None:
    with pytest.raises(UsageError, match="standard input"):
        find_runs(["-"])


@pytest.mark.parametrize("parts", [1, 3, 5])
def test_the_parts_of_a_fleet_are_the_whole(parts: int) -> None:
    whole = find_runs([f"run-{number}" for number in range(100)])
    each = [whole.part(number, parts).runs for number in range(1, parts + 1)]
    assert sum(map(len, each)) == len(whole.runs)
    assert {path for part in each for path in part} == {*whole.runs}
    assert max(map(len, each)) < 2.2 * 100 / parts


def test_a_run_is_in_the_same_part_whatever_else_is_there() -> None:
    few, many = (find_runs([f"run-{number}" for number in range(count)]) for count in (10, 100))
    for number in (1, 2, 3):
        assert few.part(number, 3).runs.keys() <= many.part(number, 3).runs.keys()
