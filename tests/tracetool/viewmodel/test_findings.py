from __future__ import annotations

from tests.tracetool.report.cases import CASES
from tracetool.findings import RULES
from tracetool.viewmodel.findings import findings


def test_findings_come_by_severity_and_rule_with_what_to_do() -> None:
    model = findings(CASES["padding"]())
    assert model.words == "3 errors, 2 warnings, 1 note"
    assert [row.rule for row in model.rows][:3] == ["EXT001", "EXT003", "EXT005"]
    rules = [RULES[row.rule] for row in model.rows]
    assert all(rule.why and rule.remedy and rule.title for rule in rules)


def test_a_finding_that_happened_more_than_once_has_its_first_and_last_event() -> None:
    row = next(row for row in findings(CASES["padding"]()).rows if row.rule == "EXT003")
    assert row.count == 4
    assert [case.seq for case in row.cases] == [4373, 4380]
    assert row.evidence == "events 4373 to 4380; bytes 0x100000 to 0x100004; 4 times"


def test_a_finding_about_a_whole_device_has_nowhere_to_jump() -> None:
    rows = findings(CASES["incomplete"]()).rows
    assert any(row.target is None for row in rows)


def test_of_several_traces_the_evidence_names_the_trace() -> None:
    row = findings(CASES["boots"]()).rows[0]
    assert row.target is not None
    assert row.target[1] == 1
    assert "of trace 1" in row.evidence
