"""Saved programs: those that once showed a difference, and rare sequences."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.machines import MACHINES
from tests.live.proof import prove
from tests.live.saved import from_text

pytestmark = pytest.mark.live

FOLDER = Path(__file__).with_name("regressions")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_a_saved_program_shows_no_difference(path: Path) -> None:
    saved = from_text(path.read_text(encoding="utf-8"))
    MACHINES[saved.machine].needed()
    assert prove(saved).accesses > 0
