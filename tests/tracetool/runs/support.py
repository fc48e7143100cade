"""Handmade run directories."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from tests.captures import ROOT
from tracetool.images import load_image, write_image
from tracetool.runs.directory import write_run
from tracetool.runs.run import FINISHED, Flash, Run, SavedImage

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

REGION = 64 << 20
WRITTEN = Flash(1, "virt.flash1", read_only=False, image="/vars.fd", format="raw")
SAMPLES = ROOT / "samples"


def a_run(**changes: Any) -> Run:  # noqa: ANN401  whatever the field is
    """A finished run of two flashes without images."""
    facts: dict[str, Any] = {
        "state": FINISHED,
        "command": ("qemu-system-aarch64", "-M", "virt"),
        "arguments": ("qemu-system-aarch64", "-M", "virt", "-trace", "pflash*"),
        "folder": "/",
        "program": "/usr/bin/qemu-system-aarch64",
        "version": "7.2.22",
        "architecture": "aarch64",
        "machine": "virt",
        "board": "virt-arm",
        "backend": "log",
        "trace": "trace.log.zst",
        "exit_code": 0,
        "flashes": (
            Flash(0, "virt.flash0", read_only=True, image="/code.fd", format="raw"),
            WRITTEN,
        ),
    }
    return Run(**facts | changes)


@dataclass(frozen=True)
class Saved:
    """A sample of which a run directory is made."""

    name: str

    def at(self, folder: Path, *, snapshot: bool | None = False, **changes: Any) -> Path:  # noqa: ANN401
        """Write the directory; `snapshot`: QEMU left the image as it was, or the recorder did not note whether."""
        sample = SAMPLES / self.name
        folder.mkdir()
        shutil.copyfile(sample / "trace.log.zst", folder / "trace.log.zst")
        before, after = (_image(sample, folder, moment) for moment in ("before", "after"))
        after = before if snapshot is not False else after
        flashes = (
            Flash(0, "virt.flash0", read_only=True, image="/code.fd", format="raw"),
            replace(WRITTEN, before=before, after=after, snapshot=snapshot),
        )
        write_run(folder, a_run(**{"flashes": flashes} | changes))
        return folder


def _image(sample: Path, folder: Path, moment: str) -> SavedImage:
    data, digest = _contents(sample / f"flash1-{moment}.fd.zst")
    (folder / moment).mkdir()
    write_image(folder / moment / "virt.flash1.fd", data)
    return SavedImage(f"{moment}/virt.flash1.fd", len(data), digest)


@cache
def _contents(path: Path) -> tuple[NDArray[np.uint8], str]:
    """The bytes of an image, and their hash."""
    data = load_image(path, limit=REGION)
    return data, hashlib.sha256(data.tobytes()).hexdigest()


FIRST_BOOT, PADDING = Saved("aavmf-first-boot"), Saved("aavmf-shell-padding")
