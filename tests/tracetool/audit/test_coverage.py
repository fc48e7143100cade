from __future__ import annotations

import pytest

from replay.backing import Policy
from tests.tracetool.cfi02_logs import CANON, cfi02
from tests.tracetool.logs import log
from tests.tracetool.traces import audited
from tracetool.analysis.options import Options
from tracetool.audit.coverage import why_not_evaluated
from tracetool.findings import RULES
from tracetool.findings.registry import device_rules, trace_rules

DEVICE = "virt.flash1"
EXTENTS = {DEVICE: 768 << 10}
WRITTEN = log(DEVICE).reset().program(0, 1).read_array()
OUTSIDE = log(DEVICE).reset().program(0x100000, 1).read_array()
EFFECTS = log(DEVICE).reset().program(0, 1).without("io_write")


def skipped(trace: str, options: Options, device: str = DEVICE) -> dict[str, str]:
    """The rules that could not look, with the reason."""
    found = audited(trace, options=options)
    reasons = {rule: why_not_evaluated(found.audit, found[device], rule) for rule in RULES}
    assert not {finding.rule for finding in found.audit.findings} & {rule for rule, why in reasons.items() if why}
    return {rule: why for rule, why in reasons.items() if why is not None}


def test_where_everything_is_known_only_the_rules_for_others_are_skipped() -> None:
    found = skipped(WRITTEN.text, Options(extents=EXTENTS, variables=True))
    cuts = {rule for rule in RULES if rule.startswith("CUT")}
    amd = {rule for rule in RULES if rule.startswith("AMD")}
    assert found.keys() == {"RO001", "RO002", "WEAR003"} | cuts | amd
    assert {found[rule] for rule in amd} == {"the device is no CFI02 flash"}
    assert "--image" in found["WEAR003"]
    assert {found[rule] for rule in cuts} == {
        "no power cut was tried: give --power-cuts, and --image where the store is not known"
    }


def test_rules_of_the_other_command_set_are_skipped_on_a_cfi02_flash() -> None:
    found = skipped(cfi02().words(0, 0).text, Options(), CANON)
    assert {rule for rule, why in found.items() if why == "the device is a CFI02 flash"} >= {
        "NOR001",
        "SEQ002",
        "SEQ007",
    }
    assert "AMD002" not in found


def test_rules_about_variables_look_where_the_store_is_followed() -> None:
    found = skipped(WRITTEN.text, Options(extents=EXTENTS))
    assert {rule for rule in RULES if rule.startswith("VAR")} <= found.keys()
    assert "--variables" in found["VAR001"]


def test_without_an_extent_nothing_is_beyond_it() -> None:
    found = skipped(WRITTEN.text, Options())
    assert {rule for rule in RULES if rule.startswith("EXT")} <= found.keys()


def test_under_padded_nothing_differs() -> None:
    found = skipped(OUTSIDE.text, Options(extents=EXTENTS, policy=Policy.PADDED))
    assert {rule for rule in found if rule.startswith("EXT")} == {"EXT004", "EXT005", "EXT006"}


def test_sequences_need_the_bus_writes() -> None:
    found = skipped(EFFECTS.text, Options(extents=EXTENTS))
    assert {rule for rule in RULES if rule.startswith(("SEQ", "NOR"))} <= found.keys()
    assert not {rule for rule in found if rule.startswith("TRC")}


@pytest.mark.parametrize("rule", ["RO001", "RO002"])
def test_a_read_only_device_is_looked_at_for_what_it_refuses(rule: str) -> None:
    found = skipped(WRITTEN.text, Options(extents=EXTENTS, read_only=frozenset({DEVICE})))
    assert rule not in found
    assert {"SEQ001", "SEQ002"} <= found.keys()


def test_only_rules_about_the_trace_need_nothing() -> None:
    assert [rule.id for rule in RULES.values() if rule.about_trace] == [name for name in RULES if name[:3] == "TRC"]


def test_every_rule_is_checked() -> None:
    assert {*trace_rules(), *device_rules()} == RULES.keys()
