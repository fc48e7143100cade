"""The build fails where the types in a `.pxd` do not fit the source."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT
from tests.requirements import lacking

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CYTHONIZE = "import hatch_build; hatch_build._compile(['replay.contents'])"


def _build(folder: Path, file: str, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """Compile one kernel in a copy in which `before` is replaced by `after`."""
    shutil.copytree(ROOT / "replay", folder / "replay", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(ROOT / "hatch_build.py", folder)
    source = folder / "replay" / file
    text = source.read_text(encoding="utf-8")
    assert text.count(before) == 1
    source.write_text(text.replace(before, after), encoding="utf-8")
    return subprocess.run([sys.executable, "-c", CYTHONIZE], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("contents.pxd", "cdef int copy_back(Chip chip, int64_t low, int64_t high) except -1 nogil\n", ""),
        ("contents.py", "def copy_back(", "def copied_back("),
        ("contents.py", "def copy_back(chip: Chip, low: int, high: int)", "def copy_back(chip: Chip, low: int)"),
        ("state.pxd", "window_scattered, ", ""),
        ("columns.pxd", "ALL_KNOWN, ", ""),
    ],
    ids=["function not declared", "function gone", "another signature", "attribute not declared", "member missing"],
)
def test_types_that_do_not_fit_the_source_are_an_error_of_the_build(
    file: str, before: str, after: str, tmp_path: Path
) -> None:
    if shutil.which("cc") is None:
        lacking("there is no C compiler: apt-get install -y gcc")
    done = _build(tmp_path, file, before, after)
    assert done.returncode != 0
    assert "CompileError: replay/contents.py" in done.stderr
