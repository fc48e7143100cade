"""Where the guest's code is shown: findings, explanations, reports and exports."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from jsonschema.validators import validator_for

import tracetool as tt
from tests.captures import ROOT
from tests.tracetool.export.test_perfetto import Shown
from tests.tracetool.report.test_sarif import VALIDATOR
from tests.tracetool.runs.support import SAMPLES
from tracetool.analysis.options import Options
from tracetool.export.formats import FORMATS
from tracetool.export.job import Job
from tracetool.ingest import open_trace
from tracetool.report.formats.html import write_html
from tracetool.report.formats.json import audit_document, document_text
from tracetool.report.formats.sarif import sarif_document
from tracetool.timeline.chain import code_words

if TYPE_CHECKING:
    from tests.tracetool.cli.program import Quick
    from tracetool.audit import Audit

TRACE = SAMPLES / "aavmf-first-boot" / "trace.log.zst"
LOG = TRACE.with_name("who.log.zst")


@pytest.fixture(scope="module")
def audit() -> Audit:
    return tt.open(TRACE, who_log=LOG).audit()


@pytest.mark.slow
def test_a_finding_names_who_made_its_first_access(audit: Audit) -> None:
    (stray,) = (finding for finding in audit.findings if finding.rule == "RO001")
    assert stray.message.endswith("; the first by DxeIpl+0x3444, called by PeiCore")
    assert stray.by == "DxeIpl"
    assert stray.chain is not None
    assert stray.chain.startswith("DxeIpl+0x3444 < PeiCore+0x5ea0 < ")
    assert all(finding.by is None for finding in tt.open(TRACE).audit().findings)


@pytest.mark.parametrize(
    ("by", "chain", "words"),
    [
        ("A", "A+0x1", "A+0x1"),
        ("A", "A+0x1 < B+0x2", "A+0x1, called by B"),
        ("A", "A+0x1 < A+0x3 < | < ? < B+0x2", "A+0x1, called by ?"),
        ("C", "A+0x1 < B+0x2 < C+0x3", "A+0x1, called by B, for C"),
        ("B", "A+0x1 < B+0x2 < C+0x3", "A+0x1, called by B"),
        ("?", "?", "?"),
    ],
)
def test_a_chain_in_few_words(by: str, chain: str, words: str) -> None:
    assert code_words(by, chain) == words


@pytest.mark.slow
def test_an_explanation_has_the_chain_of_the_event_or_of_its_operation(quick: Quick) -> None:
    told = quick("explain", TRACE, "2", "--who-log", LOG).text
    assert "code       DxeIpl+0x3444, called by PeiCore\n" in told
    assert "chain      DxeIpl+0x3444 < PeiCore+0x5ea0 < " in told
    inner = quick("explain", TRACE, "3", "--who-log", LOG).text  # mode_read_array, of the same operation
    assert "code       DxeIpl+0x" in inner
    assert "chain" not in quick("explain", TRACE, "2").text


def test_sarif_has_the_modules_and_the_stack(audit: Audit) -> None:
    document = json.loads(document_text(sarif_document(audit)))
    assert list(VALIDATOR.iter_errors(document)) == []
    (stray,) = (result for result in document["runs"][0]["results"] if result["ruleId"] == "RO001")
    places = stray["locations"][0]["logicalLocations"]
    assert places[1] == {"name": "DxeIpl", "fullyQualifiedName": "DxeIpl+0x3444", "kind": "module"}
    (stack,) = stray["stacks"]
    assert [frame["module"] for frame in stack["frames"]][:3] == ["DxeIpl", "PeiCore", "PeiCore"]
    (wear,) = (result for result in document["runs"][0]["results"] if result["ruleId"] == "WEAR002")
    assert [place["name"] for place in wear["locations"][0]["logicalLocations"][1:]] == [
        "VirtNorFlashDxe",
        "FaultTolerantWriteDxe",
    ]


def test_json_is_valid_and_has_the_modules(audit: Audit) -> None:
    schema = json.loads((ROOT / "docs" / "audit.schema.json").read_text())
    document = json.loads(document_text(audit_document(audit)))
    assert list(validator_for(schema)(schema).iter_errors(document)) == []
    modules = {row["by"]: row for row in document["modules"]}
    assert (modules["BdsDxe"]["programs"], modules["DxeIpl"]["rules"]) == (187, ["RO001"])
    assert modules["BdsDxe"]["live_erases"] is None, "no store was followed"
    assert audit_document(tt.open(TRACE).audit())["modules"] == []


@pytest.mark.slow
def test_the_page_has_a_table_of_modules_and_the_callers_of_findings(audit: Audit) -> None:
    page = write_html(audit)
    assert "Who wrote" in page
    assert '<th scope="row" class="code">MonotonicCounterRuntimeDxe</th>' in page
    assert "DxeIpl+0x3444 &lt; PeiCore+0x5ea0" in page
    assert "Who wrote" not in write_html(tt.open(TRACE).audit())


@pytest.mark.slow
def test_perfetto_has_a_track_for_each_module() -> None:
    file = BytesIO()
    FORMATS["perfetto"].write(Job(open_trace(str(TRACE)), Options(keep_operations=True, who_log=LOG)), file)
    shown = Shown(file.getvalue())
    operations = tt.open(TRACE, who_log=LOG).operations()
    for module, rows in operations.group_by("by"):
        mine = [found for found in shown.slices if found[0] == module[0]]
        assert [found[4]["first_seq"] for found in mine] == rows.sort("last_seq")["first_seq"].to_list()
        assert {found[4]["by"] for found in mine} == {module[0]}
        (track,) = (track for track in shown.tracks.values() if track.name == module[0])
        device = "virt.flash0" if module[0] == "DxeIpl" else "virt.flash1"
        assert shown.tracks[track.parent_uuid].name == device
