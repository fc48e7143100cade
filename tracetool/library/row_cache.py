"""Rows of runs that were audited, kept in the user's cache for `--resume`."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from tracetool.errors import InputError
from tracetool.fleet.table import FLEET_SCHEMA
from tracetool.paths import user_folder
from tracetool.whole_file import replaced

if TYPE_CHECKING:
    from tracetool.fleet.table import Row

__all__ = ["RowCache", "cache_folder"]

_KEPT_SECONDS = 30 * 24 * 3600
_PACKAGE = Path(__file__).resolve().parents[1]


def cache_folder() -> Path | None:
    """The folder of the cache, made, and rid of what is older than 30 days; None for a user without a home.

    Raises:
        InputError: it cannot be written.
    """
    found = user_folder(user_cache_path, "tracetool")
    if found is None:
        return None
    folder = found / "fleet"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_old(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}: results cannot be kept there; set XDG_CACHE_HOME") from error
    return folder


def _remove_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # another fleet removes them, too
            if entry.stat(follow_symlinks=False).st_mtime < oldest:
                Path(entry.path).unlink()


class RowCache:
    """Rows by the digest of their run, as this version of the program makes them; a file for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, digest: str) -> list[Row] | None:
        """The rows of a run; None where there are none, or the file is damaged."""
        try:
            rows = json.loads(self._file(digest).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        fits = isinstance(rows, list) and all(isinstance(row, dict) and row.keys() <= {*FLEET_SCHEMA} for row in rows)
        return rows if fits and rows else None

    def keep(self, digest: str, rows: list[Row]) -> None:
        """Keep the rows of a run; a full disk is no reason to end a fleet."""
        with suppress(OSError), replaced(self._file(digest)) as file:
            file.write(json.dumps(rows).encode())

    def _file(self, digest: str) -> Path:
        name = hashlib.sha256(f"{digest} {_build()}".encode()).hexdigest()
        return self._folder / f"{name}.json"


@cache
def _build() -> str:
    """The version of the program; in a checkout also when its sources were changed."""
    changed = max(path.stat().st_mtime_ns for path in _PACKAGE.rglob("*.py"))
    return f"{version('pflash-tracetool')} {changed}"
