from __future__ import annotations

import polars as pl
import pytest

from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.viewmodel.samples import OUTSIDE, both, first_boot, padding
from tests.tracetool.viewmodel.test_variables import known
from tracetool.analysis.options import Options
from tracetool.explain import explain
from tracetool.ingest import open_trace
from tracetool.report.explanation import hex_diff
from tracetool.viewmodel.audit_session import Cancelled, Progress
from tracetool.viewmodel.inspection import inspect
from tracetool.viewmodel.tables import Tables


@pytest.mark.parametrize("seq", [0, 2, 19, 53, 91, 1_000, 2_500, OUTSIDE, 4_373, 4_382])
def test_an_event_is_explained_as_the_command_does(seq: int) -> None:
    ours = inspect(Tables(padding()), 0, seq, Progress())
    theirs = explain([open_trace(str(PADDING))], Options(), seq)
    assert ours.sentences == theirs.sentences
    assert (ours.policy, ours.operation, ours.findings) == (theirs.policy, theirs.operation, theirs.findings)
    assert (ours.inspection.before, ours.inspection.after) == (theirs.inspection.before, theirs.inspection.after)
    assert [c.after.tolist() for c in ours.inspection.changes] == [c.after.tolist() for c in theirs.inspection.changes]


def test_an_event_of_the_second_trace() -> None:
    readers = [open_trace(str(path)) for path in (FIRST_BOOT, PADDING)]
    theirs = explain(readers, Options(), OUTSIDE)
    ours = inspect(Tables(both()), 1, OUTSIDE, Progress())
    assert (ours.sentences, ours.policy, ours.findings) == (theirs.sentences, theirs.policy, theirs.findings)


def test_an_explanation_that_nobody_waits_for_is_given_up() -> None:
    progress = Progress()
    progress.stop.set()
    with pytest.raises(Cancelled):
        inspect(Tables(first_boot()), 0, 100, progress)


def test_the_bytes_of_a_change_have_the_names_of_what_they_belong_to() -> None:
    session = known()
    tables = Tables(session)
    added = session.operations.filter(pl.col("part") == "state", pl.col("bytes_changed") == 1)
    explanation = inspect(tables, 0, added["last_seq"][0], Progress())
    (variable,) = added["variable"][0]
    (change,) = explanation.inspection.changes
    lines = ["".join(part for part, _ in line) for line in hex_diff(change, structure=explanation.structure)]
    assert lines[-1].strip() == f"state of {variable}"
    assert [part for line in hex_diff(change) for part, _ in line if variable in part] == []
