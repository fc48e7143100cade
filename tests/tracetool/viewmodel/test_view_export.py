from __future__ import annotations

import io
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.viewmodel.samples import finished, job, padding_timeline
from tests.tracetool.viewmodel.test_timeline import filtered
from tracetool.analysis.options import Options, parse_behaviour
from tracetool.errors import UsageError
from tracetool.viewmodel.audit_session import Cancelled, Progress, Settings
from tracetool.viewmodel.tables import Level
from tracetool.viewmodel.timeline import Timeline
from tracetool.viewmodel.view_export import command_line, export_format, rows_export
from tracetool.viewmodel.what_if import changed_settings, settings_words

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


def exported(timeline: Timeline, output_format: str) -> bytes:
    file = io.BytesIO()
    rows_export(timeline).write(output_format, file, Progress().report)
    return file.getvalue()


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
def test_the_command_gives_the_same_bytes(level: Level, output_format: str, quick: Quick) -> None:
    timeline = padding_timeline()
    timeline.set_level(level)
    filtered(timeline, "offset >= 768K")
    ended = quick(*shlex.split(command_line(timeline))[1:], "--format", output_format)
    assert ended.code == 0, ended.err
    assert ended.out == exported(timeline, output_format)


@pytest.mark.slow
def test_the_command_has_the_options_of_the_audit(tmp_path: Path, quick: Quick) -> None:
    image = tmp_path / "it's.fd"
    image.write_bytes(b"\xff" * (64 << 20))
    options = Options(
        images={"virt.flash1": image},
        extents={"virt.flash1": 1 << 20},
        board="virt-arm",
        read_only=frozenset({"virt.flash0"}),
        writable=frozenset({"virt.flash1"}),
        behaviour=parse_behaviour("staged-at-count"),
    )
    line = command_line(Timeline(finished(job(PADDING, settings=Settings(options)))))
    assert shlex.split(line)[:4] == ["tracetool", "operations", "--image", f"virt.flash1={image}"]
    assert "--read-only virt.flash0 --writable virt.flash1" in line
    assert quick(*shlex.split(line)[1:], "--format", "csv").code == 0


def test_the_name_of_a_file_says_its_format() -> None:
    assert [export_format(name) for name in ("a.csv", "b.JSONL", "c.d.parquet")] == ["csv", "jsonl", "parquet"]
    with pytest.raises(UsageError, match=r"ends in \.csv, \.jsonl, \.parquet"):
        export_format("a.txt")


# --- what if -----------------------------------------------------------------------------------------------------


def test_an_extent_or_a_policy_is_changed_in_words() -> None:
    changed = changed_settings(Settings(), "extent 512K", "virt.flash1")
    assert changed.options.extents == {"virt.flash1": 512 << 10}
    changed = changed_settings(changed, "policy volatile", "virt.flash1")
    changed = changed_settings(changed, "extent virt.flash0=1M", None)
    assert settings_words(changed) == "extent virt.flash1=512 KiB, extent virt.flash0=1 MiB, policy volatile"
    assert changed_settings(changed, "extent none", "virt.flash1").options.extents == {"virt.flash0": 1 << 20}
    assert settings_words(Settings()) == ""


@pytest.mark.parametrize("text", ["", "extent", "policy", "policy nobody", "extent much", "size 4K"])
def test_what_is_no_change_is_said(text: str) -> None:
    with pytest.raises(UsageError):
        changed_settings(Settings(), text, "virt.flash1")


def test_an_export_of_events_reports_and_can_be_stopped() -> None:
    timeline = padding_timeline()
    timeline.set_level(Level.EVENTS)
    told: list[tuple[int, int | None]] = []
    file = io.BytesIO()
    rows_export(timeline).write("jsonl", file, lambda done, total: told.append((done, total)))
    assert told == [(0, 4383)]
    stopped = Progress()
    stopped.stop.set()
    with pytest.raises(Cancelled):
        rows_export(timeline).write("csv", io.BytesIO(), stopped.report)


def test_another_table_has_its_own_command() -> None:
    timeline = padding_timeline()
    assert command_line(timeline, "blocks").startswith("tracetool blocks ")
