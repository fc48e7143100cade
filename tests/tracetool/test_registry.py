"""Registries: parts by name, each in a module of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tracetool.export.formats import FORMATS as EXPORT_FORMATS
from tracetool.ingest.formats import FORMATS as TRACE_FORMATS
from tracetool.registry import Registry
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[str]:
    """A registry of two parts."""
    package = tmp_path / "parts_of_the_test"
    package.mkdir()
    for name in ("late", "early"):
        (package / f"{name}.py").write_text(f"PART = '{name} part'\n")
        monkeypatch.delitem(sys.modules, f"parts_of_the_test.{name}", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return Registry("parts_of_the_test", "PART", {"late": "comes last", "early": "comes first"})


def test_parts_are_in_the_order_in_which_they_are_registered(parts: Registry[str]) -> None:
    assert dict(parts) == {"late": "late part", "early": "early part"}


def test_parts_are_listed_with_what_they_are(parts: Registry[str]) -> None:
    assert parts.listed == "late (comes last), early (comes first)"


def test_names_import_no_module_and_a_part_imports_its_own(parts: Registry[str]) -> None:
    assert list(parts) == ["late", "early"]
    assert "early" in parts
    assert len(parts) == 2
    assert parts["early"] == "early part"
    assert "parts_of_the_test.late" not in sys.modules


def test_a_part_that_is_not_registered_is_a_key_error(parts: Registry[str]) -> None:
    with pytest.raises(KeyError, match="another"):
        parts["another"]


@pytest.mark.parametrize("registry", [EXPORT_FORMATS, TRACE_FORMATS, REPORTS], ids=["exports", "traces", "reports"])
def test_each_format_is_registered_under_its_name(registry: Registry[Any]) -> None:
    assert {name: found.name for name, found in registry.items()} == {name: name for name in registry}
