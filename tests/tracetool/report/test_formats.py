from __future__ import annotations

import pytest
from rich.console import Console

from tests.tracetool.report.cases import CASES
from tracetool.report.formats import REPORTS


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_ends_its_last_line(name: str) -> None:
    rendered = REPORTS[name].render(CASES["outside"](), Console(width=72))
    assert isinstance(rendered, bytes) or (rendered.endswith("\n") and not rendered.endswith("\n\n"))
