"""Lines of the inspector."""

from __future__ import annotations

import pytest

from tests.captures import capture_path
from tests.tracetool.viewmodel.samples import finished, job
from tracetool.analysis.options import Options
from tracetool.tui.timeline.explanation import explained
from tracetool.viewmodel.audit_session import Progress, Settings
from tracetool.viewmodel.inspection import inspect
from tracetool.viewmodel.tables import Tables


@pytest.mark.slow
def test_each_caller_of_a_chain_has_a_line() -> None:
    options = Options(who_log=capture_path("aavmf-who/who.log.zst"))
    session = finished(job(capture_path("aavmf-who/trace.log.zst"), settings=Settings(options)))
    lines = [line.plain.rstrip() for line in explained(inspect(Tables(session), 0, 2387, Progress()), 69)]
    first = next(number for number, line in enumerate(lines) if line.startswith("chain"))
    assert [line[11:] for line in lines[first : first + 4]] == [
        "VirtNorFlashDxe+0x117f0",
        "VirtNorFlashDxe+0x109d0",
        "VirtNorFlashDxe+0x10d1c",
        "VariableRuntimeDxe+0x54424",
    ]
    assert " < " not in "".join(lines)
