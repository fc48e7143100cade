"""Canonical events as Parquet, with the provenance of the trace and a checksum, to be read back."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, BinaryIO

from tracetool.events import EVENTS_SCHEMA
from tracetool.export.formats import ExportFormat
from tracetool.ingest.provenance import describe
from tracetool.ingest.trace_reader import LostPlace
from tracetool.report.frames import write_parquet_frames

if TYPE_CHECKING:
    from tracetool.export.job import Job
    from tracetool.ingest import Health

__all__ = ["FORMAT"]


def write(job: Job, file: BinaryIO) -> list[str]:
    """Write the events of the job, a row each; losses and damage are kept in the file's metadata."""
    write_parquet_frames(job.frames(), EVENTS_SCHEMA, file, lambda: describe(job.reader.meta, _health(job), job.events))
    return []


FORMAT = ExportFormat("parquet", (".parquet",), write, binary=True)


def _health(job: Job) -> Health:
    """The trace's health, with places as the file numbers its events: they differ where one device is written."""
    health = job.reader.health
    if not job.left_out:
        return health
    places = sorted(health.lost_places, key=attrgetter("seq"))
    failures = sorted(health.host_write_failures, key=attrgetter("seq"))
    places.append(LostPlace(health.lines, 0, job.left_out))
    lost = [replace(place, seq=seq) for place, seq in zip(places, job.losses, strict=False)]
    failed = [replace(place, seq=seq) for place, seq in zip(failures, job.failures, strict=True)]
    return replace(health, lost=health.lost + job.left_out, lost_places=lost, host_write_failures=failed)
