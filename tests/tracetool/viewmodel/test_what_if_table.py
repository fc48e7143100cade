from __future__ import annotations

import pytest

from replay.backing import Policy
from tests.tracetool.viewmodel.samples import first_boot, padding
from tracetool.audit.compare import compare_policies
from tracetool.viewmodel.audit_session import Cancelled, Progress
from tracetool.viewmodel.what_if import changed_settings, changes_words
from tracetool.viewmodel.what_if_table import AuditedVariant, aligned, audited, variants


def run(number: int) -> AuditedVariant:
    session = padding()
    return audited(session, variants(session)[number], Progress().report)


def test_every_policy_and_the_smallest_safe_extent_are_compared() -> None:
    found = variants(padding())
    assert [variant.name for variant in found] == [
        *(f"policy {policy.label}" for policy in Policy),
        "extent 1.25 MiB",
    ]
    assert [variant.now for variant in found].index(True) == list(Policy).index(Policy.DISCARD)
    assert len(variants(first_boot())) == len(Policy)


@pytest.mark.slow
def test_a_row_says_what_compare_policies_says() -> None:
    session = padding()
    compared = compare_policies(session.traces, session.settings.options)
    for number, policy in enumerate(Policy):
        (row,) = run(number).rows()
        (same,) = (found for found in compared.policies if found.policy == policy)
        assert row[3:6] == (f"{same.reads_that_differ:,}", f"{same.torn_writes:,}", f"{same.refused:,}")


@pytest.mark.slow
def test_findings_that_differ_are_named() -> None:
    assert run(list(Policy).index(Policy.DISCARD)).findings() == ""
    assert run(len(Policy)).findings() == "without EXT001 EXT003 EXT005"
    assert next(run(len(Policy)).rows())[2] == "✔ within-extent"


def test_an_audit_is_cancelled() -> None:
    progress = Progress()
    progress.stop.set()
    session = padding()
    with pytest.raises(Cancelled):
        audited(session, variants(session)[0], progress.report)


def test_what_differs_from_the_settings_given_is_said() -> None:
    given = padding().settings
    assert changes_words(given, given) == ""
    other = changed_settings(given, "extent 2M", "virt.flash1")
    assert changes_words(given, other) == "extent virt.flash1=2 MiB"
    assert changes_words(other, given) == "extent virt.flash1=none"
    assert changes_words(given, changed_settings(given, "policy volatile", None)) == "policy volatile"


def test_rows_are_aligned_and_name_devices_where_there_are_several() -> None:
    titles, one, same, other = ("a", "device", "b"), ("long", "x", "c"), ("d", "x", "e"), ("d", "y", "e")
    assert aligned([titles, one, same]) == ["a     b", "long  c", "d     e"]
    assert aligned([titles, one, other]) == ["a     device  b", "long  x       c", "d     y       e"]
