from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tracetool.recording.images import WHOLE, Part, measured, saved

if TYPE_CHECKING:
    from pathlib import Path

DATA = np.random.default_rng(5).integers(1, 256, 200_000, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("part", [WHOLE, Part(0, 135_168), Part(4096, 65_536), Part(65_537), Part(199_999, 100)])
def test_a_copy_is_exactly_the_part_that_is_the_flash(part: Part, tmp_path: Path) -> None:
    """A Proxmox guest's store is the first 528 KiB of a volume of 4 MiB."""
    (tmp_path / "volume").write_bytes(DATA)
    expected = DATA[part.offset :][: part.size]
    found = saved(tmp_path / "volume", "raw", tmp_path, "copy.fd", part)
    assert (tmp_path / "copy.fd").read_bytes() == expected
    assert (found.bytes, found.sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert measured(tmp_path / "volume", part).sha256 == found.sha256
