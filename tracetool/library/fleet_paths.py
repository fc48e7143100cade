"""The runs that a user names for a fleet: run directories, traces, folders of them, patterns, earlier tables."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.errors import InputError, UsageError
from tracetool.fleet.storage import is_fleet_table
from tracetool.ingest.ctf_folders import METADATA
from tracetool.ingest.directory import natural_order, session_of
from tracetool.library.inputs import STANDARD_INPUT
from tracetool.library.remote_runs import is_url, runs_at_url
from tracetool.paths import user_path
from tracetool.runs.place import is_run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FleetPaths", "find_runs"]


@dataclass
class FleetPaths:
    """What a fleet is made of.

    Attributes:
        runs: paths of runs in natural order; False for a file found in a folder, which may be no trace.
        tables: Parquet tables of earlier fleets.
    """

    runs: dict[str, bool] = field(default_factory=dict)
    tables: list[Path] = field(default_factory=list)

    def part(self, number: int, parts: int) -> FleetPaths:
        """Part `number` (from 1) of the runs; the same runs, whatever else is there. The first has the tables."""
        chosen = {path: named for path, named in self.runs.items() if _hash(path) % parts == number - 1}
        return FleetPaths(chosen, self.tables if number == 1 else [])


def _hash(path: str) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:8])


def find_runs(given: Sequence[str]) -> FleetPaths:
    """Find the runs; files are not opened, but for those named one by one.

    Raises:
        InputError: a pattern matches nothing, a URL cannot be listed.
        MissingDependencyError: it is a URL, and there is no fsspec.
        UsageError: standard input is named.
    """
    found: dict[str, bool] = {}
    tables: list[Path] = []
    for text in given:
        if text == STANDARD_INPUT:
            raise UsageError("-: standard input is no run of a fleet; save it to a file")
        if is_url(text):
            found |= dict(runs_at_url(text))
            continue
        for path in _matching(text):
            if _is_table(path):
                tables.append(Path(path))
            else:
                found |= dict(_runs_at(path))
    return FleetPaths({path: found[path] for path in sorted(found, key=_place)}, tables)


def _place(path: str) -> tuple[object, ...]:
    return natural_order(path), path


def _matching(text: str) -> list[str]:
    """The paths that a pattern matches; any other path is what it is."""
    path = str(user_path(text))
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    matches = glob.glob(path, recursive=True)  # noqa: PTH207  Path's knows no pattern with a root of its own
    if not matches:
        raise InputError(f"{text}: matches no file or directory")
    return matches


def _is_table(path: str) -> bool:
    try:
        return Path(path).is_file() and is_fleet_table(Path(path))
    except OSError:
        return False


def _runs_at(path: str) -> Iterator[tuple[str, bool]]:
    """The runs at a path that was named: itself, or those below a folder."""
    if is_run_directory(path) or not os.path.isdir(path):  # noqa: PTH112  Path's raises for a null character
        yield path, True
        return
    closed: list[str] = []
    for folder, below, files in os.walk(path, onerror=lambda error: closed.append(error.filename)):
        if is_run_directory(folder):
            below.clear()
            yield folder, True
        elif METADATA in files:
            below.clear()
            yield session_of(folder, path), True
        else:
            yield from ((str(file), False) for name in files if _is_file(file := Path(folder, name)))
    yield from ((folder, True) for folder in closed)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
