"""Canonical events as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from tracetool.export.formats import ExportFormat
from tracetool.report.frames import write_frames

if TYPE_CHECKING:
    from tracetool.export.job import Job

__all__ = ["FORMAT"]


def write(job: Job, file: BinaryIO) -> list[str]:
    """Write the events of the job, a row each."""
    write_frames(job.frames(), "csv", file)
    return job.untold_losses()


FORMAT = ExportFormat("csv", (".csv",), write)
