"""The helper modules of the tests."""

from __future__ import annotations

import ast
from importlib import import_module

import pytest

from tests.captures import ROOT


def _asserting_helpers() -> list[str]:
    """Names of the modules that assert and that pytest does not collect."""
    files = [file for file in (ROOT / "tests").rglob("*.py") if not file.name.startswith(("test_", "conftest"))]
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    asserting = [file for file, tree in trees.items() if any(isinstance(node, ast.Assert) for node in ast.walk(tree))]
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in asserting)


@pytest.mark.parametrize("name", _asserting_helpers())
def test_a_failed_assert_of_a_helper_prints_what_differs(name: str) -> None:
    """Pytest has rewritten the module's asserts."""
    assert "@pytest_ar" in vars(import_module(name))
