"""Paths as users write them, for users who have no home."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from tracetool.paths import real_path, user_folder, user_path


def test_the_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert user_path("~/trace.log") == Path("/home/somebody/trace.log")
    assert user_path("trace~.log") == Path("trace~.log")


@pytest.mark.parametrize("name", ["~nosuchuser/x", "~dir/trace.log", "~", "~/x"])
def test_a_name_of_nobody_is_a_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", _unknown)
    assert user_path(name) == Path(name)


def test_a_link_to_itself_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        real_path(tmp_path / "a").open("rb")


def test_a_user_without_a_home_has_no_folders() -> None:
    assert user_folder(_homeless, "tracetool") is None
    assert user_folder(Path, "tracetool") == Path("tracetool")


def _unknown(number: int) -> NoReturn:
    raise KeyError(number)


def _homeless(name: str) -> NoReturn:
    raise RuntimeError(name)
