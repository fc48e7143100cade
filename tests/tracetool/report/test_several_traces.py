"""Every number of an event says its trace, and every time counts from the start of its own trace, in every face."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.logs import log
from tests.tracetool.traces import audited
from tracetool.analysis.options import Options
from tracetool.explain import explain
from tracetool.ingest import open_trace
from tracetool.report.explanation import explanation_facts
from tracetool.report.formats.html import write_html
from tracetool.report.formats.junit import write_junit
from tracetool.report.formats.sarif import sarif_document
from tracetool.viewmodel.findings import finding_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

FIRST = (
    log("virt.flash1").reset().read_status(0).read_status(0).program(0x100000, 0x1234).read_array().timed(1000, 100_000)
)
"""Its write beyond 768 KiB is event 7, so that it is a later one than in the second trace."""
SECOND = log("virt.flash1").reset().program(0x100004, 0x5678).read_array().timed(10, 1_000_000)
"""The earlier one by its clock."""
EXTENT = Options(extents={"virt.flash1": 0xC0000})
WORDS = "event 7 of trace 0 to event 3 of trace 1"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The same machine's two starts."""
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    first.write_text(FIRST.text)
    second.write_text(SECOND.text)
    return first, second


def test_a_finding_has_the_trace_of_its_first_and_of_its_last_event() -> None:
    found = audited(FIRST.text, SECOND.text, options=EXTENT)
    (finding,) = found.findings("EXT001")
    assert (finding.trace, finding.first_seq, finding.last_trace, finding.last_seq) == (0, 7, 1, 3)
    (entry,) = [entry for entry in found.document["findings"] if entry["rule"] == "EXT001"]
    assert (entry["trace"], entry["first_seq"], entry["last_trace"], entry["last_seq"]) == (0, 7, 1, 3)
    assert f"evidence: {WORDS}" in write_junit(found.audit)
    assert WORDS in write_html(found.audit)
    (result,) = [r for r in sarif_document(found.audit)["runs"][0]["results"] if r["ruleId"] == "EXT001"]
    assert (result["properties"]["trace"], result["properties"]["lastTrace"]) == (0, 1)
    (row,) = [row for row in finding_rows(found.audit) if row.rule == "EXT001"]
    assert row.evidence.startswith(WORDS)
    assert [(case.trace, case.seq) for case in row.cases] == [(0, 7), (1, 3)]


def test_findings_of_one_trace_among_several_name_it() -> None:
    quiet = log("virt.flash1").reset().program(0, 1).read_array()
    (finding,) = audited(quiet.text, SECOND.text, options=EXTENT).findings("EXT001")
    assert (finding.trace, finding.last_trace) == (1, 1)


@pytest.mark.slow
def test_the_texts_say_the_trace_of_every_event(two: tuple[Path, Path], quick: Quick) -> None:
    extent = "--extent=virt.flash1=768K"
    report = quick("audit", *two, extent).text
    assert WORDS in " ".join(report.split())
    table = quick("findings", *two, extent, "--where", "rule == EXT001").text.splitlines()
    assert table[0].split()[-6:] == ["trace", "first", "trace", "last", "count", "what"]
    assert " 0      7      1     3 " in table[1]
    rows = list(csv.DictReader(io.StringIO(quick("findings", *two, extent, "--format", "csv").text)))
    (row,) = [row for row in rows if row["rule"] == "EXT001"]
    assert (row["trace"], row["first_seq"], row["last_trace"], row["last_seq"]) == ("0", "7", "1", "3")


@pytest.mark.parametrize("command", ["blocks", "operations"])
def test_tables_have_the_trace_even_where_all_rows_are_of_one(
    command: str, two: tuple[Path, Path], quick: Quick
) -> None:
    only = [] if command == "blocks" else ["--where", "trace == 1 and op == program"]
    header, *lines = quick(command, *two, *only).text.splitlines()
    assert "trace" in header
    if command == "blocks":
        assert lines[0].split()[-4:] == ["0", "5", "1", "3"]
    else:
        assert lines[0].split()[0] == "1"
    assert "trace" not in quick(command, two[1]).text


@pytest.mark.slow
def test_times_count_from_the_start_of_the_own_trace(two: tuple[Path, Path], quick: Quick) -> None:
    found = quick("operations", *two, "--where", "trace == 1 and t < 7s and op == program").text.splitlines()
    assert len(found) == 2
    assert found[1].split()[:3] == ["1", "1", "1.000000"]
    names = quick("operations", *two, "--where", "t >= 5s", "--format", "jsonl").text.splitlines()
    assert {json.loads(line)["trace"] for line in names} == {1}
    explanation = explain([open_trace(str(path)) for path in two], Options(), 3)
    assert dict(explanation_facts(explanation))["when"].startswith("3.000000 s, trace 1")
