from __future__ import annotations

import pytest
from rich.console import Console

from tests.tracetool.report.cases import CASES
from tracetool.report.formats import REPORTS


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_called_as_its_module_and_ends_its_last_line(name: str) -> None:
    report = REPORTS[name]
    rendered = report.render(CASES["outside"](), Console(width=72))
    assert report.name == name
    assert isinstance(rendered, bytes) or (rendered.endswith("\n") and not rendered.endswith("\n\n"))
