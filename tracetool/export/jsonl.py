"""Canonical events as JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from tracetool.export.formats import ExportFormat
from tracetool.report.frames import write_frames

if TYPE_CHECKING:
    from tracetool.export.job import Job

__all__ = ["FORMAT"]


def write(job: Job, file: BinaryIO) -> list[str]:
    """Write the events of the job, a line each."""
    write_frames(job.frames(), "jsonl", file)
    return job.untold_losses()


FORMAT = ExportFormat("jsonl", (".jsonl", ".ndjson"), write)
