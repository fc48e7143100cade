from __future__ import annotations

import pytest

import tracetool as tt
from tracetool.bundled import sample
from tracetool.errors import UsageError
from tracetool.findings.marked import with_findings

PADDING = str(sample("aavmf-shell-padding/trace.log.zst"))


@pytest.mark.slow
def test_an_operation_has_the_rules_that_speak_of_it_and_the_worst_severity() -> None:
    audit = tt.open(PADDING).audit()
    trace = tt.open(PADDING)
    rows = trace.operations()
    found = with_findings(rows, audit.findings)
    assert found.drop("finding", "severity", "rule").equals(rows)
    at = found["first_seq"].to_list().index(4368)
    assert "EXT001" in found["rule"][at]
    assert (found["finding"][at], found["severity"][at]) == (True, "error")
    assert found.filter(~found["finding"])["rule"].null_count() == found.height - found["finding"].sum()


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("rule == EXT001", "first_seq == 4368"),
        ("severity == error", "offset >= 768K"),
        ("touches 0x100000", "offset >= 768K"),
        ("touches 0xFFFFF..0x100001 and not op == erase", "offset >= 768K"),
        ("finding and severity >= warning", "severity >= warning"),
        ("not finding", "finding == false"),
    ],
)
@pytest.mark.first_quick
def test_queries_speak_of_findings_and_of_bytes_that_are_touched(query: str, same: str) -> None:
    trace = tt.open(PADDING)
    rows = trace.operations(query)
    assert rows.height > 0
    assert rows.equals(trace.operations(same))


@pytest.mark.slow
def test_what_a_rule_speaks_of_is_the_same_by_option_and_by_query() -> None:
    trace = tt.open(PADDING)
    for rule in ("EXT001", "RO001", "WEAR002"):
        assert trace.operations(rule=rule).equals(trace.operations(f"rule == {rule}"))
    with pytest.raises(UsageError, match="no rule 'EXT999'"):
        trace.operations(rule="EXT999")


@pytest.mark.slow
def test_events_are_asked_by_the_findings_of_their_operations() -> None:
    frames = tt.open(PADDING).chunks_with_operations(audited=True)
    seqs = [row["seq"] for frame in frames for row in frame.iter_rows(named=True) if "EXT001" in (row["rule"] or [])]
    assert seqs == [4368, 4369, 4370, 4371, 4372][: len(seqs)]
    assert 4370 in seqs
