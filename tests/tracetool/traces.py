"""Helpers for tests above ingestion: traces from files or streams, audited and replayed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.audit import Audit, DeviceAudit, audit
from tracetool.ingest import TraceMeta, open_trace
from tracetool.ingest.reader import ReadOptions
from tracetool.ingest.source import Source
from tracetool.ingest.text import TextTrace
from tracetool.report.formats.json import audit_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from tracetool.analysis.session import Replayed
    from tracetool.findings import Finding
    from tracetool.ingest import Health, TraceReader

CHUNK = 4 << 20

Trace = Path | str | bytes
"""A file, or a log as text."""


def reader(trace: Trace, *, chunk_bytes: int = CHUNK, stream: bool = False) -> TraceReader:
    """Open a trace; `stream` as standard input would be, readable only once."""
    if isinstance(trace, Path) and not stream:
        return open_trace(str(trace), chunk_bytes=chunk_bytes)
    data = trace.read_bytes() if isinstance(trace, Path) else trace
    data = data.encode() if isinstance(data, str) else data
    if stream:
        return TextTrace(_meta(), _source(data), ReadOptions(chunk_bytes=chunk_bytes))
    return Again(data, chunk_bytes)


def _meta() -> TraceMeta:
    return TraceMeta("log", "log")


def _source(data: bytes) -> Source:
    return Source(io.BytesIO(data), "log", None, rereadable=False)


class Again:
    """A log in memory that can be read again, as a file can."""

    rereadable = True

    def __init__(self, data: bytes, chunk_bytes: int) -> None:
        self._data = data
        self._chunk_bytes = chunk_bytes
        self._inner = self._opened()

    def _opened(self) -> TextTrace:
        return TextTrace(_meta(), _source(self._data), ReadOptions(chunk_bytes=self._chunk_bytes))

    @property
    def meta(self) -> TraceMeta:
        """What it is."""
        return self._inner.meta

    @property
    def health(self) -> Health:
        """How well it was read."""
        return self._inner.health

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning."""
        self._inner = self._opened()
        return self._inner.chunks(trace)


@dataclass(frozen=True)
class Audited:
    """An audit, with accessors for tests."""

    audit: Audit

    def __getitem__(self, device: str) -> DeviceAudit:
        return next(found for found in self.audit.devices if found.name == device)

    def findings(self, rule: str, device: str | None = None) -> list[Finding]:
        """The findings of a rule."""
        return [f for f in self.audit.findings if f.rule == rule and device in (None, f.device)]

    @property
    def rules(self) -> set[str]:
        """Rules with findings."""
        return {finding.rule for finding in self.audit.findings}

    @property
    def document(self) -> dict[str, Any]:
        """The audit as its JSON has it."""
        return audit_document(self.audit)

    @property
    def exit_code(self) -> int:
        """Exit code of `tracetool audit`."""
        return self.audit.ending.code


def audited(*traces: Trace, options: Options | None = None, chunk_bytes: int = CHUNK, stream: bool = False) -> Audited:
    """Audit consecutive boots."""
    readers = [reader(trace, chunk_bytes=chunk_bytes, stream=stream) for trace in traces]
    return Audited(audit(readers, options or Options()))


def replayed(traces: Sequence[Trace], options: Options) -> Replayed:
    """Replay consecutive boots on the device that they were recorded on."""
    return replay_readers([reader(trace) for trace in traces], options)


def images(device: str, path: Path) -> Options:
    """The options that give one device its contents."""
    return Options(images={device: path})
