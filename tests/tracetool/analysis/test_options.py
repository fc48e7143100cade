"""Geometries as they are written on the command line."""

from __future__ import annotations

import pytest

from tracetool.analysis.options import apply_geometry
from tracetool.errors import UsageError


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("size=16E", "'16E' is not a size"),
        ("bank=four", "'four'"),
        ("bank=3", "bank width 3 is not one of"),
        ("endian=middle", "neither little nor big"),
        ("ids=89:18:0:x", "'89:18:0:x' are not four bytes in hex"),
        ("ids=89:18:0:-1", "'89:18:0:-1' are not four bytes in hex"),
        ("ids=89:18:0:100", "'89:18:0:100' are not four bytes in hex"),
        ("block=64K", "block is given twice"),
    ],
)
def test_what_is_wrong_with_a_geometry_is_said_with_its_option(part: str, says: str) -> None:
    spec = f"block=256K,{'size=1M,' if 'size' not in part else ''}{'bank=4,' if 'bank' not in part else ''}{part}"
    with pytest.raises(UsageError) as caught:
        apply_geometry("some.flash", spec, None)
    assert str(caught.value).startswith("--geometry some.flash: ")
    assert says in str(caught.value)
