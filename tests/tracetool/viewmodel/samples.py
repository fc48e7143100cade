"""Loaded samples, cached for all tests of a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tracetool.analysis.options import Options
from tracetool.bundled import sample
from tracetool.library.inputs import open_readers
from tracetool.viewmodel.audit_session import Job, Progress, Settings, start
from tracetool.viewmodel.timeline import Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.viewmodel.audit_session import AuditSession

OUTSIDE = 4370
"""The write to 0x100000 in the padding sample."""


def job(*paths: Path, settings: Settings | None = None) -> Job:
    """A running job that loads the traces."""
    progress = Progress()
    readers = open_readers([str(path) for path in paths], progress=lambda _path: progress.report)
    return start(readers, settings or Settings(), progress)


def finished(started: Job) -> AuditSession:
    """Session that a job loads."""
    assert started.wait(PATIENCE_S)
    if started.error is not None:
        raise started.error
    assert started.result is not None
    return started.result


@cache
def padding() -> AuditSession:
    """The padding sample."""
    return finished(job(PADDING))


@cache
def first_boot() -> AuditSession:
    """The first boot."""
    return finished(job(FIRST_BOOT))


@cache
def with_code() -> AuditSession:
    """The first boot with its image and its log of the guest's code."""
    options = Options(
        who_log=sample("aavmf-first-boot/who.log.zst"),
        images={"virt.flash1": sample("aavmf-first-boot/flash1-before.fd.zst")},
    )
    return finished(job(FIRST_BOOT, settings=Settings(options)))


@cache
def both() -> AuditSession:
    """The first boot, then the padding sample, as consecutive boots."""
    return finished(job(FIRST_BOOT, PADDING))


def padding_timeline() -> Timeline:
    """Initial timeline of the padding sample."""
    return Timeline(padding())
