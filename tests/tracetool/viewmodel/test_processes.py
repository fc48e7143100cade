"""The app with a trace of two QEMUs: events, operations and explanations name the same devices."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.tracetool.analysis.test_processes import FLASH1, boot, by_thread, interleaved, tagged
from tests.tracetool.viewmodel.samples import finished, job
from tracetool.analysis.boots import LAST
from tracetool.analysis.options import Options
from tracetool.viewmodel.audit_session import Progress, Settings
from tracetool.viewmodel.inspection import inspect
from tracetool.viewmodel.tables import Tables
from tracetool.viewmodel.timeline import Timeline
from tracetool.viewmodel.view_export import command_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("two", [tagged, by_thread], ids=["processes", "threads"])
@pytest.mark.slow
def test_every_table_has_the_names_that_are_shown(two: Callable[..., list[str]], tmp_path: Path) -> None:
    path = tmp_path / "two.log"
    path.write_text(interleaved(two(boot(1, 2), 100), two(boot(3), 200)))
    tables = Tables(finished(job(path)))
    shown = {f"{FLASH1} (pid {process})" for process in (100, 200)}
    events = tables.gather_events(np.arange(tables.events))
    assert shown < set(events["device"].cast(pl.String))
    assert set(tables.operations["device"].cast(pl.String)) == shown
    for number, row in enumerate(tables.operations.iter_rows(named=True)):
        explained = inspect(tables, 0, row["first_seq"], Progress())
        assert explained.device == row["device"], number
        assert explained.operation == row


def test_the_command_line_has_what_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.log"
    path.write_text(interleaved(tagged(boot(1, 2), 100), tagged(boot(3), 200)))
    settings = Settings(Options(processes=frozenset({200}), boot=LAST))
    words = shlex.split(command_line(Timeline(finished(job(path, settings=settings)))))
    assert words[2:6] == ["--process", "200", "--boot", "last"]
