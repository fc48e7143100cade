from __future__ import annotations

import pytest

from tests.tracetool.fleet.rows import NEEDED, REGION, a_row, a_table, code_row
from tracetool.audit.gate import Gate
from tracetool.findings import Severity
from tracetool.fleet.answers import Fleet
from tracetool.fleet.table import unreadable

OUTSIDE = {"verdict": "outside-extent", "codes": ["programmed-outside"], "minimum_backing_bytes": 2 << 20}
DOUBTFUL = {"verdict": "inconclusive", "unsure": True, "codes": ["truncated"], "minimum_backing_bytes": None}


def found(rule: str, severity: str = "error", count: int = 1) -> dict[str, object]:
    return {"findings": [{"rule": rule, "severity": severity, "count": count}]}


def test_a_run_has_the_worst_verdict_of_a_device_that_is_asked_about() -> None:
    fleet = Fleet(a_table(a_row("a"), code_row("a"), a_row("b", **DOUBTFUL), code_row("b"), code_row("c")))
    assert fleet.runs["verdict"].to_list() == ["within-extent", "inconclusive", "no-extent"]
    assert fleet.verdicts == {"inconclusive": 1, "no-extent": 1, "within-extent": 1}


@pytest.mark.parametrize(
    ("rows", "code", "why"),
    [
        ([a_row("a"), code_row("a")], 0, "no finding of severity error"),
        ([a_row("a"), a_row("b", **DOUBTFUL)], 4, "1 run left open"),
        ([a_row("a"), unreadable("b", "gone")], 4, "1 run could not be read"),
        ([a_row("a", **OUTSIDE), unreadable("b", "gone")], 1, "1 run wrote outside the extent"),
        ([a_row("a", **found("SEQ002")), unreadable("b", "gone")], 1, "findings of severity error in 1 run"),
        ([a_row("a", **found("TRC001"))], 0, "no finding"),
        ([a_row("a", **found("SEQ001", "warning"))], 0, "no finding"),
    ],
)
def test_the_exit_code_is_that_of_the_worst_run(rows: list[dict[str, object]], code: int, why: str) -> None:
    ending = Fleet(a_table(*rows)).ending
    assert ending.code == code
    assert why in ending.why


def test_a_gate_may_be_stricter_or_accept_doubt_but_never_what_was_not_read() -> None:
    warned = a_table(a_row("a", **found("SEQ001", "warning")))
    assert Fleet(warned, gate=Gate(Severity.WARNING)).ending.code == 1
    lenient = Gate(allow_inconclusive=True)
    assert Fleet(a_table(a_row("a", **DOUBTFUL)), gate=lenient).ending.code == 0
    assert Fleet(a_table(unreadable("a", "gone")), gate=lenient).ending.code == 4


def test_the_backing_that_is_safe_for_all_is_the_largest() -> None:
    fleet = Fleet(a_table(a_row("a"), a_row("b", minimum_backing_bytes=NEEDED * 2), code_row("a")), guests=3)
    (backing,) = fleet.backings
    assert (backing.device, backing.bytes, backing.saved_bytes) == ("virt.flash1", 2 * NEEDED, REGION - 2 * NEEDED)
    assert backing.example == "b"
    assert fleet.saved_bytes == REGION - 2 * NEEDED


@pytest.mark.parametrize("other", [a_row("b", **DOUBTFUL), unreadable("b", "gone")])
def test_a_run_that_does_not_tell_leaves_the_backing_unknown(other: dict[str, object]) -> None:
    fleet = Fleet(a_table(a_row("a"), other))
    (backing,) = fleet.backings
    assert (backing.bytes, backing.saved_bytes, fleet.saved_bytes) == (None, None, None)
    assert (backing.least, backing.unknown, backing.runs) == (NEEDED, 1, 2)


def test_reasons_are_counted_by_run_the_worst_first() -> None:
    rows = [a_row(name, **DOUBTFUL) for name in "abc"] + [a_row("d", **OUTSIDE), a_row("e"), code_row("e")]
    reasons = Fleet(a_table(*rows)).reasons
    assert reasons["verdict", "code", "runs", "run"].rows() == [
        ("outside-extent", "programmed-outside", 1, "d"),
        ("inconclusive", "truncated", 3, "a"),
    ]


def test_a_rule_counts_the_runs_in_which_it_found_something() -> None:
    trace_wide = found("TRC003", "warning", 7)
    rows = [a_row("a", **trace_wide), code_row("a", **trace_wide), a_row("b", **found("SEQ002"))]
    assert Fleet(a_table(*rows)).rules["rule", "severity", "runs", "most"].rows() == [
        ("SEQ002", "error", 1, 1),
        ("TRC003", "warning", 1, 7),
    ]


def test_spreads_are_of_values_that_runs_have() -> None:
    rows = [a_row(f"r{number:02}", erases=number) for number in range(1, 21)]
    spreads = Fleet(a_table(*rows)).spreads
    (erases,) = spreads.filter(figure="erases").to_dicts()
    assert (erases["least"], erases["median"], erases["p95"], erases["most"]) == (1, 10, 19, 20)
    assert erases["run"] == "r20"
    assert "not_done" not in spreads["figure"].to_list()


def many(count: int, **changes: object) -> list[dict[str, object]]:
    return [a_row(f"{changes.get('fingerprint', 'same')}-{number}", **changes) for number in range(count)]


def test_few_runs_that_did_otherwise_than_most_are_outliers() -> None:
    fleet = Fleet(a_table(*many(40), *many(1, fingerprint="odd"), *many(3, fingerprint="sometimes")))
    assert fleet.clusters["fingerprint", "runs", "outlier"].rows() == [
        ("virt.flash1:same", 40, False),
        ("virt.flash1:sometimes", 3, False),
        ("virt.flash1:odd", 1, True),
    ]
    assert fleet.outliers["run"].to_list() == ["odd-0"]


def test_runs_of_another_firmware_are_no_outliers() -> None:
    fleet = Fleet(a_table(*many(40), *many(1, fingerprint="new", firmware="e" * 64)))
    assert fleet.outliers.is_empty()


def test_where_each_run_did_something_else_none_is_an_outlier() -> None:
    """As in a fuzzing campaign."""
    fleet = Fleet(a_table(*(a_row(f"r{number}", fingerprint=f"f{number}") for number in range(50))))
    assert fleet.outliers.is_empty()
    assert fleet.clusters.height == 50


def test_runs_of_no_known_firmware_are_compared_with_one_another() -> None:
    fleet = Fleet(a_table(*many(40, firmware=None), *many(1, fingerprint="odd", firmware=None)))
    assert fleet.outliers["run"].to_list() == ["odd-0"]


@pytest.mark.parametrize(
    ("names", "folder"),
    [(["/x/runs/1", "/x/runs/22"], "/x/runs/"), (["/x/a", "/y/a"], "/"), (["a", "b"], ""), (["/x/runs/1"], "/x/runs/")],
)
def test_runs_are_named_by_their_place_in_the_folder_of_all(names: list[str], folder: str) -> None:
    fleet = Fleet(a_table(*map(a_row, names)))
    assert fleet.folder == folder
    assert fleet.short(f"see {names[0]}") == f"see {names[0].removeprefix(folder) if len(folder) > 1 else names[0]}"


def test_an_empty_fleet_has_no_answer_and_no_fault() -> None:
    fleet = Fleet(a_table())
    assert (fleet.ending.code, fleet.verdicts, fleet.backings, fleet.folder) == (0, {}, [], "")
    assert fleet.totals == {"runs": 0, "rows": 0, "events": 0, "operations": 0}
    assert all(
        table.is_empty() for table in (fleet.reasons, fleet.rules, fleet.spreads, fleet.clusters, fleet.outliers)
    )
