"""The recorded logs of the plugin, with the answers that were worked out from them."""

from __future__ import annotations

from pathlib import Path

from tests.captures import capture_path
from tracetool.ingest import open_trace
from tracetool.ingest.source import open_source
from tracetool.who.callers import Callers


def recorded(name: str) -> bytes:
    """A file of the capture, unpacked."""
    return unpacked(capture_path(f"aavmf-who/{name}"))


def unpacked(path: Path) -> bytes:
    """The contents of a packed file."""
    source = open_source(str(path))
    data = b"".join(iter(lambda: source.read(1 << 24), b""))
    source.close()
    return data


def callers_of(log: str | Path, trace: str | Path) -> Callers:
    """The callers of a trace by a log; files of the capture, or paths."""
    files = [path if isinstance(path, Path) else capture_path(f"aavmf-who/{path}") for path in (log, trace)]
    callers = Callers(lambda: files[0], lambda: None)
    reader = open_trace(str(files[1]))
    for chunk in reader.chunks():
        callers.see(chunk)
    callers.finish(gapless=not (reader.health.damaged or reader.health.lost))
    return callers
