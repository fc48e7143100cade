"""Comparison of flash images in the tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.images import difference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        (b"\xff" * 8, b"\xff" * 8, ""),
        (b"\xff\x40\xff\x40", b"\xff" * 4, "2 bytes differ, the first at 0x1: 0x40, not 0xff"),
        (b"\xff", b"\xff" * 2, "found has 1 bytes, .*expected has 2"),
    ],
    ids=["equal", "bytes", "length"],
)
def test_a_difference_is_counted_and_located(found: bytes, expected: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "found").write_bytes(found)
    (tmp_path / "expected").write_bytes(expected)
    assert re.fullmatch(said, difference(tmp_path / "found", tmp_path / "expected"))
