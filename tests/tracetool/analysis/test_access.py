"""Whether a flash is read-only: what its events show, what they leave open, and what the user says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.captures import case_path
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import Audited, audited, replayed
from tracetool.analysis import intake as module
from tracetool.analysis.contents import contents_of
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.audit.reason import Code
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

CODE, STORE = "virt.flash0", "virt.flash1"
PC_STORE = "system.flash1"
INSIDE = Options(extents={STORE: 0xC0000})
READY, ERASE_FAILED = 0x800080, 0xA000A0
PROGRAM_FAILED = 0x900090


def polled(trace: Log, status: int) -> Log:
    """Read the status, clear it and go back to read array."""
    return trace.write(0, 0x700070).read_status(0, status).write(0, 0x500050).read_array()


def access(found: Audited, device: str) -> tuple[bool | None, str]:
    """What the report says: read-only or not, and why."""
    return found[device].read_only, found[device].access


# --- shown by the trace ------------------------------------------------------------------------------------------


def test_a_code_flash_that_is_only_erased_is_writable_where_its_status_says_that_it_was_erased() -> None:
    found = audited(polled(log(CODE).reset().erase(0), READY).text)
    assert access(found, CODE) == (False, "writable (its status shows no error after programs and erases)")
    assert found.findings("TRC001") == []
    assert found[CODE].totals.erases == 1


def test_a_flash_whose_status_says_that_it_was_not_erased_is_read_only() -> None:
    found = audited(polled(log(STORE, read_only=True).reset().erase(0), ERASE_FAILED).text, options=INSIDE)
    assert access(found, STORE) == (True, "read-only (it refuses what is written)")
    assert (found[STORE].totals.erases, found.findings("TRC001")) == (0, [])


def test_a_status_of_before_any_program_proves_nothing() -> None:
    """OVMF asks once, before its first program."""
    trace = polled(log(CODE, read_only=True).reset(), READY).program(0, 1).read_array()
    assert access(audited(trace.text), CODE) == (True, "read-only (it holds the firmware's code, read-only by custom)")


def test_an_error_that_was_cleared_says_nothing_of_what_comes_after() -> None:
    trace = log(STORE).reset().write(0, 0x500050).write(0, 0x700070).read_status(0, 0).read_array()
    found = audited(trace.program(0, 1).read_array().without("data_write").text, options=INSIDE)
    assert access(found, STORE) == (None, "not known")


@pytest.mark.parametrize("status", [READY, PROGRAM_FAILED])
def test_the_status_alone_tells_where_no_inner_event_was_traced(status: int) -> None:
    """Of bus accesses and resets alone."""
    read_only = status != READY
    trace = polled(log(STORE, read_only=read_only).reset().program(0, 1), status)
    for name in ("write", "data_write", "mode_read_array", "read_status"):
        trace.without(name)
    found = audited(trace.text, options=INSIDE)
    assert found[STORE].read_only is read_only
    assert found.findings("TRC001") == []


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_shown_after_the_first_events_is_known_to_the_next_pass(
    stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PREROLL", 8)
    trace = log(CODE).reset()
    for _ in range(5):
        trace.write(0, 0x700070).read_status(0).read_array()
    found = audited(polled(trace.erase(0), READY).text, stream=stream, chunk_bytes=256)
    assert found[CODE].read_only is stream
    assert found.exit_code == 4


# --- left open ---------------------------------------------------------------------------------------------------


def unproved() -> Log:
    """Programs of which nothing says whether they were stored."""
    trace = log(STORE).reset()
    for offset in range(0, 40, 4):
        trace.program(offset, 1)
    return trace.read_array().without("data_write")


def test_programs_that_may_not_have_been_stored_are_not_said_to_have_been() -> None:
    found = audited(unproved().text, options=INSIDE)
    device = next(entry for entry in found.document["devices"] if entry["name"] == STORE)
    assert (device["verdict"], device["verdict_codes"]) == ("inconclusive", ["stores-unknown"])
    assert (device["read_only"], device["programmed_end"]) == (None, None)
    assert {device["totals"][name] for name in ("programs", "buffered_programs", "bytes_programmed")} == {None}
    assert device["totals"]["unproved_programs"] == 10


@pytest.mark.parametrize(("told", "programs", "read_only"), [("writable", 10, False), ("read_only", 0, True)])
def test_the_user_can_say_which(told: str, programs: int, read_only: bool) -> None:
    options = replace(INSIDE, **{told: frozenset({STORE})})  # type: ignore[arg-type]
    found = audited(unproved().text, options=options)
    assert (found[STORE].verdict, found[STORE].read_only) == (Verdict.WITHIN_EXTENT, read_only)
    assert found[STORE].access.endswith(f"(--{told.replace('_', '-')})")
    assert found[STORE].totals.programs == programs


def test_both_cannot_be_said() -> None:
    options = replace(INSIDE, writable=frozenset({STORE}), read_only=frozenset({STORE}))
    with pytest.raises(UsageError, match="--read-only and --writable are both given"):
        audited(unproved().text, options=options)


def test_a_device_that_is_not_there_cannot_be_writable() -> None:
    with pytest.raises(UsageError, match=r"no device 'virt\.flash7'"):
        audited(unproved().text, options=Options(writable=frozenset({"virt.flash7"})))


def test_a_second_boot_from_a_read_only_drive_is_not_taken_for_the_first() -> None:
    """The first stores, so the event is traced, and nothing says of the second that it does."""
    first = log(STORE).reset().program(0, 1).read_array()
    found = audited(first.text, unproved().text, options=INSIDE)
    assert [reason.code for reason in found[STORE].reasons] == [Code.STORES_UNKNOWN]


@pytest.mark.parametrize("backing", [True, False])
def test_contents_of_which_nobody_knows_are_not_given(backing: bool) -> None:
    device = replayed([unproved().text], INSIDE).devices[STORE]
    with pytest.raises(UsageError, match=rf"give --writable {STORE} or --read-only {STORE}"):
        contents_of(device, backing=backing)


# --- the recorded case -------------------------------------------------------------------------------------------


def test_ovmf_with_a_read_only_store_is_inconclusive(tmp_path: Path, quick: Quick) -> None:
    trace, image = case_path("readonly-varstore.log.zst"), tmp_path / "vars.fd"
    image.write_bytes(b"\xff" * 540672)
    found = audited(trace, options=Options(images={PC_STORE: image}))
    assert Code.STORES_UNKNOWN in {reason.code for reason in found[PC_STORE].reasons}
    assert (found[PC_STORE].verdict, found.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert found[PC_STORE].totals.programs == 0
    out = tmp_path / "out.fd"
    options = ["--image", f"{PC_STORE}={image}", "--write-image", f"{PC_STORE}={out}"]
    ended = quick("replay", trace, *options)
    assert (ended.code, out.exists()) == (2, False)
    assert f"give --writable {PC_STORE} or --read-only {PC_STORE}" in ended.err
    assert quick("replay", trace, *options, "--read-only", PC_STORE).code == 0
    assert out.read_bytes() == image.read_bytes()
