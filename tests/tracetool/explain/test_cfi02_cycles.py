"""What a bus write meant to a CFI02 flash, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.captures import capture_path

if TYPE_CHECKING:
    from tests.tracetool.cli.program import Quick

TOUR = "cfi02/tour.log.zst"


@pytest.mark.parametrize(
    ("seq", "said"),
    [
        (1, "0xf0, reset: the flash is at rest"),
        (3, "not the unlock cycle that has to come here"),
        (12, "the first unlock cycle"),
        (14, "the second unlock cycle"),
        (16, "0xa0, program: the next write is the data"),
        (18, "some of its bits are 0 in the flash already"),
        (357, "the first unlock cycle"),
        (393, "0xb0, suspend"),
        (431, "0x30, resume"),
        (435, "Another sector to erase, but the window is over"),
    ],
)
@pytest.mark.first_quick
def test_a_write_is_explained(seq: int, said: str, quick: Quick) -> None:
    trace, image = capture_path(TOUR), capture_path("cfi02/tour.before.fd.zst")
    ended = quick("explain", str(trace), str(seq), "--image", f"musicpal.flash={image}")
    assert ended.code == 0
    assert said in " ".join(ended.out.decode().split())
