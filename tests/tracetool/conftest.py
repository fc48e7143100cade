"""Fixtures for the tests of `tracetool`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tracetool.ingest import following

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hurried() -> Iterator[None]:
    """Looks at a growing trace follow one another fast, and a missing file is not waited for.

    Examples of hypothesis share it, so it is no `monkeypatch`, which they may not.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("LOOK_S", 0.002),
            ("PAUSE_S", 0.0),
            ("MOST_DELAY_S", 0.01),
            ("VANISHED_S", 0.1),
            ("_MOMENT_S", 0.0),
        ):
            patch.setattr(following, name, value)
        yield
