"""A last line without newline: whole in a log that was pasted, cut within its last number, or really another value."""

from __future__ import annotations

import pytest

from tests.tracetool.logs import Log, log
from tests.tracetool.traces import audited
from tracetool.audit import Verdict
from tracetool.audit.reason import Code

FLASH = "virt.flash1"

WRITES = {
    "data_write": log(FLASH).reset().program(0x100, 0x12345678),
    "write_block_erase": log(FLASH).reset().erase(0),
    "write_block_start": log(FLASH).reset().buffered(0x100, *range(0x20)),
    "data_write_block": log(FLASH).reset().buffered(0x100, 0x1234, 0x5678),
}


def up_to(trace: Log, event: str) -> str:
    """The text up to the first event of a kind, without its newline."""
    lines = trace.text.splitlines()
    last = next(number for number, line in enumerate(lines) if f"pflash_{event} " in line)
    return "\n".join(lines[: last + 1])


def last_number(text: str) -> int:
    """Where the digits of the last number begin."""
    return text.rindex("0x") + 2


@pytest.mark.parametrize("event", WRITES)
@pytest.mark.first_quick
def test_a_line_that_is_cut_within_its_last_number_is_damage(event: str) -> None:
    text = up_to(WRITES[event], event)
    for end in range(last_number(text) + 1, len(text)):
        found = audited(text[:end])
        (trace,) = found.audit.traces
        assert "TRC001" not in found.rules, text[:end]
        assert found[FLASH].verdict == Verdict.INCONCLUSIVE
        if int(text[last_number(text) : end], 16) != int(text[last_number(text) :], 16):
            assert found.rules >= {"TRC003"}, text[:end]
            assert (trace.health.damaged, trace.health.understood) == (1, trace.health.lines - 1)
            assert trace.health.first_damaged[0].number == trace.health.lines


@pytest.mark.parametrize("event", WRITES)
def test_a_line_that_only_lacks_its_newline_is_an_event(event: str) -> None:
    text = up_to(WRITES[event], event)
    pasted, whole = audited(text), audited(f"{text}\n")
    assert pasted.rules == whole.rules
    assert (pasted.audit.traces[0].events, pasted.audit.traces[0].health.damaged) == (whole.audit.traces[0].events, 0)


def test_no_length_is_taken_from_a_cut_line_that_is_the_only_one() -> None:
    line = next(line for line in WRITES["write_block_erase"].text.splitlines() if "_block_erase " in line)
    assert audited(line[:-1])[FLASH].geometry == audited(line)[FLASH].geometry


def test_a_value_that_no_cut_explains_is_a_disagreement() -> None:
    text = up_to(WRITES["data_write"], "data_write")
    other = f"{text[: last_number(text)]}12345679"
    found = audited(other)
    assert "TRC001" in found.rules
    assert [reason.code for reason in found[FLASH].reasons if reason.code == Code.MODEL_DISAGREES]


def test_a_cut_value_with_its_newline_is_a_disagreement() -> None:
    assert "TRC001" in audited(f"{up_to(WRITES['data_write'], 'data_write')[:-2]}\n").rules


def test_a_disagreement_before_the_last_line_stays() -> None:
    text = up_to(WRITES["data_write"], "data_write").replace("wcycle:1", "wcycle:2")
    assert "TRC001" in audited(text[:-2]).rules


def test_every_pass_counts_the_cut_line_once() -> None:
    """The store's header is learned too late, so that the trace is read twice."""
    text = up_to(WRITES["data_write"], "data_write")[:-2]
    by_file, by_stream = audited(text), audited(text, stream=True)
    assert by_file.document["devices"] == by_stream.document["devices"]
    assert [found.audit.traces[0].health.damaged for found in (by_file, by_stream)] == [1, 1]
