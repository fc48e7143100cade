"""The formats a trace is exported to: a module each, which describes itself in `FORMAT`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from tracetool.errors import UsageError
from tracetool.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.export.job import Job

__all__ = ["FORMATS", "ExportFormat", "format_of"]


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    Attributes:
        name: value of `--format`.
        endings: of file names that mean it, the usual one first.
        write: writes a job to a file; returns what the file does not hold, a line each.
        binary: it is refused on a terminal.
        replays: it shows operations, so the trace is replayed and the device options matter.
    """

    name: str
    endings: tuple[str, ...]
    write: Callable[[Job, BinaryIO], list[str]]
    binary: bool = False
    replays: bool = False


FORMATS = Registry[ExportFormat](
    "tracetool.export",
    "FORMAT",
    {
        "simple": "a trace of QEMU's simple backend",
        "log": "a trace as QEMU logs it",
        "parquet": "a trace, the quickest to read",
        "jsonl": "events as JSON lines",
        "csv": "events",
        "perfetto": "operations, for ui.perfetto.dev",
        "vcd": "the bus, for GTKWave",
    },
)
"""By name; formats that this program reads come first."""


def format_of(path: str, name: str | None) -> ExportFormat:
    """The format called `name`; without one, the format that the ending of `path` means.

    Raises:
        UsageError: the ending means none.
    """
    if name is not None:
        return FORMATS[name]
    for found in FORMATS.values():
        if path.lower().endswith(found.endings):
            return found
    endings = ", ".join(found.endings[0] for found in FORMATS.values())
    raise UsageError(f"-o {path}: the name does not say the format; give --format, or end it in one of {endings}")
