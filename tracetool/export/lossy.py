"""What a format without a place for losses must say on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.export.job import Job

__all__ = ["losses"]


def losses(job: Job) -> list[str]:
    """A line for a trace that does not show everything: the file itself does not say so."""
    health = job.reader.health
    incomplete = health.lost or health.lost_places or health.damaged or health.truncated or health.host_write_failures
    incomplete = incomplete or job.left_out
    return ["the trace does not show everything, and the file does not say so"] if incomplete else []
