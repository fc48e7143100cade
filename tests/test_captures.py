from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import captures
from tests.captures import capture_path, image_facts, sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("ci", "known", "outcome"),
    [("true", "", pytest.fail.Exception), ("", "", pytest.skip.Exception), ("true", "none", pytest.skip.Exception)],
    ids=["CI", "elsewhere", "hosted CI"],
)
def test_missing_captures_fail_in_ci_unless_they_are_known_to_be_missing(
    ci: str, known: str, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(captures.VARIABLE, known)
    monkeypatch.setattr(captures, "ROOT", tmp_path / "project")
    monkeypatch.setattr(captures, "CAPTURES", tmp_path / "shared" / "captures")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"no shared/captures/manifest.json"):
        capture_path("manifest.json")


def test_a_capture_is_unpacked_once(unpacked: Callable[[str], Path]) -> None:
    name = "ovmf-first-boot/flash1-after.fd.zst"
    path = unpacked(name)
    before = path.stat()
    assert (before.st_size, sha256(path.read_bytes())) == image_facts(name)
    assert unpacked(name) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
