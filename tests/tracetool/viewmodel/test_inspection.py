"""Explanations of single events: the same as after a replay of everything before them, wherever that is resumed."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from replay.backing import Policy
from tests.captures import capture_path, case_path
from tests.tracetool.analysis.test_processes import boot, by_thread, interleaved
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.logs import log
from tests.tracetool.viewmodel.samples import OUTSIDE, both, finished, first_boot, job, padding
from tests.tracetool.viewmodel.test_variables import known
from tracetool.analysis import replay
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.errors import UsageError
from tracetool.explain import explain
from tracetool.ingest import open_trace
from tracetool.report.explanation import hex_diff
from tracetool.viewmodel.audit_session import Cancelled, Progress, Settings
from tracetool.viewmodel.inspection import inspect
from tracetool.viewmodel.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.analysis.inspection import Inspection
    from tracetool.viewmodel.audit_session import AuditSession


@pytest.mark.parametrize("seq", [0, 2, 19, 53, 91, 1_000, 2_500, OUTSIDE, 4_373, 4_382])
@pytest.mark.first_quick
def test_an_event_is_explained_as_the_command_does(seq: int) -> None:
    ours = inspect(Tables(padding()), 0, seq, Progress())
    theirs = explain([open_trace(str(PADDING))], Options(), seq)
    assert ours.sentences == theirs.sentences
    assert (ours.policy, ours.operation, ours.findings) == (theirs.policy, theirs.operation, theirs.findings)
    assert (ours.inspection.before, ours.inspection.after) == (theirs.inspection.before, theirs.inspection.after)
    assert [c.after.tolist() for c in ours.inspection.changes] == [c.after.tolist() for c in theirs.inspection.changes]


@pytest.mark.slow
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


# --- resumed from marks ------------------------------------------------------------------------------------------

MIGRATED = log("virt.flash1").reset().program(0, 1).event("postload_cb", "updating bdrv").program(0, 3).erase(0)
SIDE_BY_SIDE = interleaved(
    by_thread(boot(1, 2).of(boot(3)), 100, 101), by_thread(boot(4, 5, offset=0x200000), 200, 201), order=[0] * 8
)
TEXTS = {"migrated.log": MIGRATED.text * 9, "side-by-side.log": SIDE_BY_SIDE}

SESSIONS: dict[str, Callable[[], tuple[list[Path], Options]]] = {
    "policy": lambda: ([PADDING], Options()),
    "error": lambda: ([PADDING], Options(policy=Policy.ERROR)),
    "padded": lambda: ([PADDING], Options(policy=Policy.PADDED)),
    "error-early": lambda: ([PADDING] * 2, Options(policy=Policy.ERROR, extents={"virt.flash1": 0x40000})),
    "three-boots": lambda: ([FIRST_BOOT, PADDING, FIRST_BOOT], Options()),
    "short-file": lambda: ([capture_path("aavmf-rfc-v2/trace.log.zst")], Options()),
    "image": lambda: (
        [capture_path("aavmf-first-boot/trace.simple.zst")],
        Options(images={"virt.flash1": capture_path("aavmf-first-boot/flash1-before.fd.zst")}),
    ),
    "any-accesses": lambda: ([capture_path("random-accesses/f1a.log.zst")], Options()),
    "cfi02": lambda: ([capture_path("cfi02/zynq-u-boot.log.zst")], Options()),
    "cfi02-suspends": lambda: ([capture_path("cfi02/tour.log.zst")], Options()),
    "processes": lambda: ([case_path("two-qemus-one-journal.log.zst")], Options()),
    "migrated": lambda: ([Path("migrated.log")], Options()),
    "side-by-side": lambda: ([Path("side-by-side.log")], Options()),
    "boot-of-one": lambda: ([Path("side-by-side.log")], Options(processes=frozenset({100}), boot=1)),
}
QUICK = {"policy", "short-file", "image", "cfi02-suspends", "migrated", "side-by-side", "boot-of-one"}


def plain(inspection: Inspection) -> dict[str, Any]:
    """What an inspection tells, comparable."""
    values = {field.name: getattr(inspection, field.name) for field in fields(inspection) if field.name[0] != "_"}
    changes = [[x.tolist() if isinstance(x, np.ndarray) else x for x in change] for change in inspection.changes]
    return values | {"changes": changes}


def after_a_whole_replay(session: AuditSession, trace: int, seq: int) -> dict[str, Any] | None:
    """What is told of an event after a replay from the beginning; None where it is left out."""
    options = replace(
        session.settings.options, policy=session.audit.policy, inspect=seq, inspect_trace=trace, collects=False
    )
    replayed = replay_readers([kept.again(Progress().report) for kept in session.traces], options)
    found = [device.inspection for device in replayed.devices.values() if device.inspection is not None]
    return plain(found[0]) if found else None


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SESSIONS]
)
@pytest.mark.slow
def test_an_event_is_explained_as_after_a_whole_replay(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First, last, soon, around marks and anywhere; an event that is left out has no explanation in either."""
    monkeypatch.chdir(tmp_path)
    for file, text in TEXTS.items():
        Path(file).write_text(text)
    paths, options = SESSIONS[name]()
    spacing = 20 if paths[0].name in TEXTS else 100
    monkeypatch.setattr(replay, "SPACING", spacing)
    session = finished(job(*paths, settings=Settings(options)))
    tables, chance = Tables(session), random.Random(name)  # noqa: S311  the same events again
    marks = [(mark.trace, mark.seq) for device in session.replayed.devices.values() for mark in device.marks]
    assert len(marks) > len(session.traces)
    last = len(session.traces) - 1
    events = {(0, 0), (last, 0), (last, session.traces[-1].events - 1)}
    events |= {(0, seq) for seq in chance.sample(range(spacing), 3)}
    events |= {
        (trace, max(seq + near, 0)) for trace, seq in chance.sample(marks, min(len(marks), 3)) for near in (-1, 0)
    }
    events |= {(trace, chance.randrange(kept.events)) for trace, kept in enumerate(session.traces) for _ in range(3)}
    for trace, seq in sorted(events):
        expected = after_a_whole_replay(session, trace, seq)
        if expected is None:
            with pytest.raises(UsageError, match="left out"):
                inspect(tables, trace, seq, Progress())
        else:
            assert plain(inspect(tables, trace, seq, Progress()).inspection) == expected, (trace, seq)


@pytest.mark.slow
def test_marks_are_few_however_long_a_trace_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a trace begins there is one in any case: nothing is replayed across the end of another."""
    monkeypatch.setattr(replay, "SPACING", 50)
    monkeypatch.setattr(replay, "MARKS", 16)
    session = finished(job(FIRST_BOOT, PADDING))
    for device in session.replayed.devices.values():
        assert len(device.marks) < 16
        assert {mark.trace for mark in device.marks} == {0, 1}
        assert device.marks == sorted(device.marks, key=lambda mark: mark[:2])
    tables = Tables(session)
    for trace, seq in ((0, 900), (1, 5), (1, OUTSIDE)):
        assert plain(inspect(tables, trace, seq, Progress()).inspection) == after_a_whole_replay(session, trace, seq)
