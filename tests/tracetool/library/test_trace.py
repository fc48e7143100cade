"""The library: what a notebook asks of a trace, and what a wrong question is answered."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tracetool as tt
from tests.tracetool.runs.support import FIRST_BOOT as FIRST_RUN
from tests.tracetool.runs.support import PADDING as PADDING_RUN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

FIRST_BOOT = tt.sample("aavmf-first-boot/trace.log.zst")
PADDING = tt.sample("aavmf-shell-padding/trace.log.zst")
BEFORE = tt.sample("aavmf-shell-padding/flash1-before.fd.zst")
EVENT = 4370


@pytest.fixture(scope="module")
def trace() -> tt.Trace:
    return tt.open(PADDING, image={"virt.flash1": str(BEFORE)})


def test_every_name_of_the_package_can_be_imported() -> None:
    assert {name for name in tt.__all__ if getattr(tt, name) is None} == set()
    assert set(tt.__all__) <= set(dir(tt))
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = tt.opne


@pytest.mark.slow
def test_frames_have_their_documented_schemas(trace: tt.Trace) -> None:
    assert trace.events.schema == tt.EVENTS_SCHEMA
    assert trace.operations().schema == tt.OPERATIONS_SCHEMA
    assert trace.accesses().schema == tt.ACCESSES_SCHEMA
    assert trace.blocks().schema == tt.BLOCKS_SCHEMA
    assert trace.findings().schema == tt.FINDINGS_SCHEMA


@pytest.mark.slow
def test_a_query_selects_rows(trace: tt.Trace) -> None:
    assert trace.operations("offset >= 768K")["first_seq"].min() == 4368
    assert trace.blocks("outside == true")["offset"].to_list() == [1 << 20]
    assert set(trace.findings("severity == error")["rule"]) == {"EXT001", "EXT003", "EXT005"}
    assert trace.operations(rule="ext001")["last_seq"].to_list() == [EVENT]
    assert trace.findings(rule="EXT003").height == 4


@pytest.mark.slow
def test_the_audit_is_that_of_the_command_line(trace: tt.Trace, quick: Quick) -> None:
    told = quick("findings", PADDING, "--image", f"virt.flash1={BEFORE}", "--policy", "volatile", "--format", "jsonl")
    found = trace.audit(policy="volatile").findings
    assert [finding.rule for finding in found] == pl.read_ndjson(io.BytesIO(told.out))["rule"].to_list()
    assert {row.policy.label for row in trace.audit(policy="all").policies} == {
        "padded", "discard", "volatile", "error",
    }  # fmt: skip


@pytest.mark.slow
def test_contents_are_those_of_any_moment(trace: tt.Trace) -> None:
    place = slice(1 << 20, (1 << 20) + 4)
    before, after = (trace.image("virt.flash1", at=at)[place].tolist() for at in (EVENT - 1, hex(EVENT)))
    assert (before, after) == ([0, 0, 0, 0], [0x40, 0, 0x40, 0])
    assert np.array_equal(trace.storage(), trace.image())
    assert trace.storage(policy="discard")[place].tolist() == [0, 0, 0, 0]


@pytest.mark.slow
def test_an_event_is_explained(trace: tt.Trace) -> None:
    explanation = trace.explain(EVENT)
    assert "It is the data of the program command." in explanation.sentences
    assert repr(explanation) == f"<Explanation of event {EVENT} of virt.flash1: {' '.join(explanation.sentences)}>"


@pytest.mark.slow
def test_a_notebook_shows_one_line_or_the_report(trace: tt.Trace) -> None:
    audit = trace.audit()
    assert repr(trace) == f"<Trace {PADDING} (text)>"
    assert repr(audit) == "<Audit under discard: virt.flash0 no-extent, virt.flash1 outside-extent; 8 findings>"
    page = trace._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert "outside-extent" in page
    assert "<script" not in page


@pytest.mark.slow
def test_several_traces_are_boots_of_one_machine(tmp_path: Path) -> None:
    runs = [FIRST_RUN.at(tmp_path / "boot-1"), PADDING_RUN.at(tmp_path / "boot-2")]
    folder, each = tt.open(tmp_path), tt.open(*runs)
    assert_frame_equal(folder.operations(), each.operations())
    assert folder.paths == [str(run) for run in runs]
    assert folder.explain(f"1:{EVENT}").device == "virt.flash1"
    with pytest.raises(tt.UsageError, match="name the trace too"):
        folder.explain(EVENT)


def test_events_of_one_device_are_chosen() -> None:
    events = tt.open(PADDING, device="virt.flash0").events
    assert events["device"].unique().to_list() == ["virt.flash0"]


def test_one_value_is_for_the_device_that_is_written(trace: tt.Trace) -> None:
    alike = tt.open(PADDING, image=BEFORE, extent=768 << 10, board="virt-arm", writable="virt.flash1")
    assert_frame_equal(alike.blocks(), trace.blocks())
    larger = tt.open(PADDING, extent={"virt.flash1": "2M"}).audit()
    assert {str(device.verdict) for device in larger.devices} == {"no-extent", "within-extent"}


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (lambda _: tt.open("missing.log"), "missing.log: cannot be read: No such file"),
        (lambda _: tt.open(), "no trace is named"),
        (lambda _: tt.open("-", "-"), "standard input can be read only once"),
        (lambda _: tt.open(PADDING, extent="7Q"), "--extent: '7Q' is not a size"),
        (lambda trace: trace.audit(policy="none"), "--policy 'none': give one of padded, discard"),
        (lambda trace: trace.operations("offzet > 3"), "did you mean 'offset'"),
        (lambda trace: trace.operations(rule="EXT999"), "no rule 'EXT999'"),
        (lambda trace: trace.image("flash9"), "no device 'flash9' in the trace; it has"),
        (lambda trace: trace.image(at=9999), "--at 9999: the last event of the trace is 4382"),
        (lambda trace: trace.explain("1:3"), "there is no trace 1"),
        (lambda trace: trace.explain("x"), "SEQ 'x' is not a number"),
    ],
)
def test_an_error_names_place_and_remedy(question: Callable[[tt.Trace], object], told: str, trace: tt.Trace) -> None:
    with pytest.raises(tt.TracetoolError) as error:
        question(trace)
    assert told in str(error.value)


def test_a_trace_without_events_is_no_empty_frame(tmp_path: Path) -> None:
    log = tmp_path / "empty.log"
    log.write_text("nothing of a flash\n")
    for question in (lambda: tt.open(log).events, tt.open(log).blocks, tt.open(log).audit):
        with pytest.raises(tt.InputError, match="no pflash event in 1 line"):
            question()


def test_damage_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = tmp_path / "damaged.log"
    log.write_text("pflash_reset pflash: reset\npflash_io_write pflash: offset:\n")
    with caplog.at_level(logging.WARNING, "tracetool"):
        assert tt.open(log).events.height == tt.scan(log).collect().height
    assert (
        caplog.messages
        == [f"{log}: 1 of 2 lines not understood, first at line 2 (arguments do not match the event)"] * 2
    )


@pytest.mark.slow
def test_a_journal_gives_the_store_at_every_moment_without_another_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [tt.open(PADDING, image=BEFORE).variable_store(at=seq) for seq in (0, 2000, EVENT)]
    trace = tt.open(PADDING, image=BEFORE)
    trace.variable_changes()
    monkeypatch.setattr("tracetool.library.trace.replay_readers", None)
    assert [trace.variable_store(at=seq) for seq in (0, 2000, EVENT)] == alone
    with pytest.raises(tt.UsageError, match="the last event of the trace is 4382"):
        trace.variable_store(at=99999999)
