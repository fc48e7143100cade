"""Every rule of the boot is held by a test: without it, or with another one in its place, some test fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT
from tests.live.mutants import broken_source
from tests.tracetool.uefi.boot.mutants import RULE_MUTANTS, copy_with, failing_test
from tracetool.uefi.boot import Rule

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", RULE_MUTANTS)
def test_a_mutant_is_another_program(name: str) -> None:
    mutant = RULE_MUTANTS[name]
    source = (ROOT / "tracetool" / "uefi" / "boot" / mutant.file).read_text(encoding="utf-8")
    broken = broken_source(mutant, source)
    assert broken != source
    assert compile(broken, mutant.file, "exec")


def test_the_rules_that_change_a_boot_have_a_mutant() -> None:
    broken = {name.split()[0] for name in RULE_MUTANTS}
    told_by_the_decoder = {Rule.V2, Rule.V3, Rule.V4}
    assert {*Rule} - told_by_the_decoder - {Rule.W3, Rule.V7} <= broken


@pytest.mark.slow
@pytest.mark.parametrize("name", RULE_MUTANTS)
def test_a_broken_rule_is_noticed(name: str, tmp_path: Path) -> None:
    copy_with(RULE_MUTANTS[name], tmp_path)
    assert failing_test(tmp_path)


@pytest.mark.slow
def test_nothing_fails_where_nothing_is_broken(tmp_path: Path) -> None:
    copy_with(None, tmp_path)
    assert not failing_test(tmp_path)
