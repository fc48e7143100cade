"""Tests of the app run without animations and in true colour."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tracetool.tui.driving import Stage

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # before textual is imported
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"  # whatever terminal the tests are started in


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One app for the scripts of a module: starting it takes longer than most of them."""
    from tests.tracetool.tui.driving import Stage  # noqa: PLC0415  textual reads the settings above when imported

    found = Stage()
    yield found
    found.close()
