"""Large inputs, made from a recorded capture, once or repeated.

The repeated log is one long trace, as of a guest that does the same again and again: contents and state of the flash
carry over between repetitions. Only the times start again.
"""

from __future__ import annotations

import shutil
import tarfile
from itertools import takewhile
from typing import TYPE_CHECKING

from tests.captures import capture_path
from tracetool.compression import zstd

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CAPTURE", "ctf_directory", "repeated_log", "unpacked"]

CAPTURE = "aavmf-reclaim"
"""1,821,433 events; a log of 200 MB."""


def unpacked(folder: Path, name: str, capture: str = CAPTURE) -> Path:
    """A file of a capture, unpacked into the folder."""
    target = folder / f"{capture}-{name}"
    if not target.exists():
        with zstd.open(capture_path(f"{capture}/{name}.zst")) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    return target


def repeated_log(folder: Path, times: int) -> Path:
    """Log of the capture, repeated `times` times."""
    target = folder / f"{CAPTURE}-{times}x.log"
    if not target.exists():
        with unpacked(folder, "trace.log").open("rb") as source, target.open("wb") as file:
            # The machine starts once: repetitions leave out the resets at its start.
            later = sum(map(len, takewhile(lambda line: b"pflash_io_write" not in line, source)))
            for start in (0, *[later] * (times - 1)):
                source.seek(start)
                shutil.copyfileobj(source, file, 1 << 20)
    return target


def ctf_directory(folder: Path) -> Path:
    """CTF trace of the capture, unpacked."""
    target = folder / f"{CAPTURE}-ctf"
    if not target.exists():
        with zstd.open(capture_path(f"{CAPTURE}/ctf.tar.zst")) as stream, tarfile.open(fileobj=stream) as archive:
            archive.extractall(target, filter="data")
    return target
