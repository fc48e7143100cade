"""Compiled kernels and their sources in a checkout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.forms import stale

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("edited", "found"),
    [("kernel.py", True), ("kernel.pxd", True), ("native.pyx", True), ("inline.pxd", True), ("other.py", False)],
)
def test_a_source_that_is_newer_than_its_compiled_module_is_named(edited: str, *, found: bool, tmp_path: Path) -> None:
    package = tmp_path / "tracetool" / "reader"
    package.mkdir(parents=True)
    compiled = ("kernel.py", "kernel.pxd", "kernel.abi3.so", "native.pyx", "native.abi3.so")
    for name in (*compiled, "inline.pxd", "other.py"):
        (package / name).touch()
        os.utime(package / name, (1000, 1000))
    (package / "_utility.abi3.so").touch()
    os.utime(package / "_utility.abi3.so", (999, 999))
    assert stale(tmp_path) == []
    os.utime(package / edited, (1001, 1001))
    assert stale(tmp_path) == [package / edited] * found
