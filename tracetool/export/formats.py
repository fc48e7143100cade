"""The formats a trace can be written in, told by name or by the ending of a file's name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, cast

from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.export.job import Job

    Writer = Callable[[Job, BinaryIO], list[str]]

__all__ = ["FORMATS", "Format", "format_of"]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what `--format` calls it.
        endings: of file names that mean it, the usual one first.
        binary: it is not for a terminal.
        replays: it shows operations, so the trace is replayed and options that describe the devices matter.
    """

    name: str
    endings: tuple[str, ...]
    binary: bool = False
    replays: bool = False

    @property
    def write(self) -> Writer:
        """The function that writes a job to a file and says what the file does not hold, a line each."""
        module = import_module(f"tracetool.export.{self.name}")
        return cast("Writer", module.write)


FORMATS: dict[str, Format] = {
    found.name: found
    for found in (
        Format("simple", (".simple",), binary=True),
        Format("log", (".log", ".txt")),
        Format("parquet", (".parquet",), binary=True),
        Format("jsonl", (".jsonl", ".ndjson")),
        Format("csv", (".csv",)),
        Format("perfetto", (".pftrace", ".perfetto-trace", ".perfetto"), binary=True, replays=True),
        Format("vcd", (".vcd",)),
    )
}
"""By name, those that can be read back first."""


def format_of(path: str, name: str | None) -> Format:
    """The format called `name`; without one, the format that the ending of `path` means.

    Raises:
        UsageError: there is none.
    """
    if name is not None:
        if name not in FORMATS:
            raise UsageError(f"--format {name!r}: give one of {', '.join(FORMATS)}")
        return FORMATS[name]
    for found in FORMATS.values():
        if path.lower().endswith(found.endings):
            return found
    endings = ", ".join(found.endings[0] for found in FORMATS.values())
    raise UsageError(f"-o {path}: the name does not say the format; give --format, or end it in one of {endings}")
