"""What docs/verdict.md says about verdicts and exit codes, claim by claim."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT, case_path
from tests.tracetool.cfi02_logs import CANON, cfi02
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import Audited, audited, images
from tests.tracetool.uefi.stores import header
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.audit.coverage import why_not_evaluated
from tracetool.audit.gate import Gate
from tracetool.audit.reason import Code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

CODE, STORE = "virt.flash0", "virt.flash1"
EXTENT = 0xC0000
INSIDE = Options(extents={STORE: EXTENT})


def store() -> Log:
    """The flash of the variables, with something programmed and back in read array."""
    return log(STORE).reset().program(0, 1).read_array()


def code() -> Log:
    """The flash of the firmware's code beside it: reads of the array leave no event."""
    return log(CODE, read_only=True).reset()


def machine(variables: Log) -> Log:
    """Both flashes of a machine."""
    return code().of(variables)


def codes(found: Audited, device: str = STORE) -> set[Code]:
    """The codes of a device's verdict."""
    return {reason.code for reason in found[device].reasons}


def allowing(found: Audited) -> int:
    """The exit code with --allow-inconclusive."""
    return Gate(allow_inconclusive=True).ending(found.audit).code


# --- inconclusive ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A trace in which nothing outside is written, and which is inconclusive for this reason."""

    code: Code
    what: str
    log: Log
    words: str = ""
    device: str = STORE
    options: Options = INSIDE

    def __str__(self) -> str:
        return f"{self.code}-{self.what}"


ANY = Options()
OTHER = "other.flash"

CLAIMS = [
    Claim(Code.EVENTS_LOST, "said by ftrace", machine(store().line("CPU:0 [LOST 12 EVENTS]")), "12 events"),
    Claim(Code.DAMAGED, "half a line", machine(store().line("pflash_io_write virt.flash1: offset:0x00")), "1 of"),
    Claim(Code.IO_WRITE_NOT_TRACED, "left out", machine(store().without("io_write")), "not traced"),
    Claim(
        Code.HOST_WRITE_FAILED,
        "full disk",
        machine(store().line("qemu-system-aarch64: Could not update PFLASH: No space left on device")),
        "could not write",
    ),
    Claim(
        Code.MODEL_DISAGREES,
        "status",
        machine(store().write(0, 0x700070).read_status(0, 0x900090).read_array()),
        "disagree at event",
    ),
    Claim(
        Code.TOO_THIN,
        "no timer",
        cfi02().sector_erase(0).words(0, 0).without("timer_expired"),
        "timer_expired events were not traced",
        device=CANON,
        options=ANY,
    ),
    Claim(Code.IMPOSSIBLE_EVENTS, "beyond the region", machine(store().write(0x4000000, 0x700070)), "impossible"),
    Claim(
        Code.GEOMETRY_UNKNOWN, "no known board", log(OTHER).reset().write(0, 0x70, size=2), device=OTHER, options=ANY
    ),
    Claim(Code.MIGRATED, "loaded", machine(log(STORE).reset().event("postload_cb", "updating bdrv").program(0, 1))),
    Claim(Code.BEGINS_WITHOUT_RESET, "from the first command on", store().begun_at(1), "begin with the device's reset"),
    Claim(Code.BEGINS_WITHOUT_RESET, "reset not traced", store().without("reset")),
    Claim(Code.BEGINS_WITHOUT_RESET, "the store alone", code().of(store().begun_at(1))),
    Claim(Code.BEGINS_MID_COMMAND, "in a buffered write", log(STORE).reset().buffered(0, 1, 2, 3).begun_at(5)),
    Claim(
        Code.ENDS_MID_OPERATION, "after the setup of a program", machine(store().write(0, 0x400040)), "in the middle"
    ),
    Claim(Code.ENDS_MID_OPERATION, "after the setup of an erase", machine(store().write(0, 0x200020))),
    Claim(Code.ENDS_MID_OPERATION, "after the setup of an unlock", machine(store().write(0, 0x600060))),
    Claim(Code.ENDS_MID_OPERATION, "a buffer without its count", machine(store().write(0, 0xE800E8))),
    Claim(
        Code.ENDS_MID_OPERATION,
        "a buffer without its confirm",
        machine(store().write(0, 0xE800E8).write(0, 0, wcycle=1).write(0, 7, wcycle=2)),
    ),
    Claim(
        Code.ENDS_MID_OPERATION,
        "a write without what it causes",
        machine(store().event("io_write", "offset:0x0000 size:4 value:0xff00ff wcycle:0")),
        "before the pflash_write of its last access",
    ),
    Claim(
        Code.ENDS_MID_OPERATION,
        "a status without its read",
        machine(store().write(0, 0x700070).read_status(0).event("read_status", "status:0x800080")),
        "before the pflash_io_read",
    ),
    Claim(
        Code.RESET_MID_OPERATION, "cut boot, whole boot", machine(store().write(0, 0x400040).of(store())), "a reset at"
    ),
    Claim(Code.NEVER_ACCESSED, "two resets", machine(log(STORE).reset()), "-S, -incoming"),
    Claim(Code.NEVER_ACCESSED, "one reset", log(STORE).reset(), "kept its variables in RAM"),
    Claim(
        Code.NEVER_ACCESSED,
        "stray stores to the code alone",
        code().write(0x1CB20, 0x17384).of(log(STORE).reset()),
        "the guest never accessed it",
    ),
    Claim(Code.STORES_UNKNOWN, "programs", machine(store().without("data_write")), f"give --writable {STORE} or"),
]
HELD_ELSEWHERE = {
    Code.NAMELESS,
    Code.DEVICES_LEFT_OUT,
    Code.DEVICES_NOT_CHOSEN,
    Code.PROCESSES_LEFT_OUT,
    Code.PROCESSES_MIXED,
    Code.BOOTS_LEFT_OUT,
    Code.TRUNCATED,
    Code.IMAGE_CHANGED,
    Code.FILE_CHANGED,
    Code.STORE_UNUSED,
}
"""Below, or in the tests of sessions and run directories."""


def test_every_reason_has_a_claim() -> None:
    certain = {code for code in Code if code.endswith(("-outside", "-extent"))}
    assert {claim.code for claim in CLAIMS} | HELD_ELSEWHERE | certain == set(Code)


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_trace_that_does_not_show_everything_is_inconclusive(claim: Claim) -> None:
    found = audited(claim.log.text, options=claim.options)
    assert found[claim.device].verdict == Verdict.INCONCLUSIVE
    assert claim.code in codes(found, claim.device)
    assert any(claim.words in reason.text for reason in found[claim.device].reasons if reason.code == claim.code)
    assert (found.exit_code, allowing(found)) == (4, 0)


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.device == STORE], ids=str)
@pytest.mark.first_quick
def test_what_is_outside_is_outside_even_in_such_a_trace(claim: Claim) -> None:
    found = audited(claim.log.text, store().program(EXTENT, 5).read_array().text, options=claim.options)
    assert found[STORE].verdict == Verdict.OUTSIDE_EXTENT
    assert (found.exit_code, allowing(found)) == (1, 1)


@pytest.mark.parametrize("place", ["after", pytest.param("before", marks=pytest.mark.slow)])
@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.device == STORE], ids=str)
def test_a_whole_boot_beside_it_does_not_make_it_conclusive(claim: Claim, place: str) -> None:
    """Neither before it nor after it; the reason names the trace, where that is not the whole."""
    traces = (claim.log.text, machine(store()).text)
    found = audited(*(traces if place == "after" else traces[::-1]), options=claim.options)
    assert found[STORE].verdict == Verdict.INCONCLUSIVE
    assert claim.code in codes(found)


@pytest.mark.parametrize("form", ["log", "ftrace", "simple", "parquet"])
def test_a_ring_buffer_that_lost_its_beginning_is_inconclusive_in_any_format(
    form: str, tmp_path: Path, quick: Quick
) -> None:
    """It begins with a command, so that nothing but the missing reset tells."""
    text = store().program(4, 2).read_array().begun_at(1).text
    if form == "ftrace":
        lines = [
            f"  qemu-7 [000] ..... 1.{number:06}: tracing_mark_write: {line}"
            for number, line in enumerate(text.splitlines())
        ]
        text = "".join(f"{line}\n" for line in lines)
    trace = tmp_path / "trace.log"
    trace.write_text(text)
    if form in ("simple", "parquet"):
        assert quick("export", trace, "-o", tmp_path / f"trace.{form}").code == 0
        trace = tmp_path / f"trace.{form}"
    found = audited(trace, options=INSIDE)
    expected = {"log": "text", "ftrace": "text"}.get(form, form)
    assert (found.audit.traces[0].meta.format, codes(found)) == (expected, {Code.BEGINS_WITHOUT_RESET})
    assert found.exit_code == 4


def test_a_trace_without_names_is_one_of_all_flashes_of_the_machine() -> None:
    text = "pflash_io_write offset:0x0000 size:4 value:0xff00ff wcycle:0\n"
    found = audited(text)
    assert (found["pflash"].verdict, Code.NAMELESS in codes(found, "pflash")) == (Verdict.INCONCLUSIVE, True)
    alone = audited(text, options=Options(board="versatilepb"))
    assert codes(alone, "pflash").isdisjoint({Code.NAMELESS, Code.BEGINS_WITHOUT_RESET})


def test_a_file_that_is_cut_is_inconclusive(tmp_path: Path) -> None:
    packed = gzip.compress(machine(store()).text.encode())
    trace = tmp_path / "trace.log.gz"
    trace.write_bytes(packed[:-8])
    found = audited(trace, options=INSIDE)
    assert codes(found) == {Code.TRUNCATED}
    assert found.exit_code == 4


# --- whole -------------------------------------------------------------------------------------------------------

WHOLE = [
    ("read array", store()),
    ("status", store().write(0, 0x700070).read_status(0)),
    ("finished erase", store().erase(0)),
    ("finished program", store().program(4, 2)),
    ("finished buffer", store().buffered(0x100, 1, 2)),
    ("identifiers", store().write(0, 0x900090)),
    ("query", store().write(0, 0x980098)),
    ("reset", store().reset()),
    ("two boots", store().of(store())),
    ("an event that is not enabled", store().without("mode_read_array")),
]


@pytest.mark.parametrize(("what", "trace"), WHOLE, ids=[what for what, _ in WHOLE])
def test_a_trace_that_ends_at_rest_is_conclusive(what: str, trace: Log) -> None:
    found = audited(machine(trace).text, options=INSIDE)
    assert (found[STORE].verdict, codes(found)) == (Verdict.WITHIN_EXTENT, {Code.WITHIN_EXTENT}), what
    assert (found[CODE].verdict, found.exit_code) == (Verdict.NO_EXTENT, 0), what


def test_a_stray_store_that_a_read_only_flash_takes_for_a_setup_is_no_end_in_mid_operation() -> None:
    found = audited(code().write(0x1000, 0x20).of(store()).text, options=INSIDE)
    assert (found[CODE].verdict, found[STORE].verdict) == (Verdict.NO_EXTENT, Verdict.WITHIN_EXTENT)


def test_a_moment_that_was_asked_for_is_no_cut(tmp_path: Path, quick: Quick) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text(machine(store().write(0, 0x400040).write(0, 1, wcycle=1)).text)
    assert quick("replay", trace, "--at", "8").code == 0
    trace.write_text(machine(store().write(0, 0x400040)).text)
    assert quick("replay", trace).code == 4


def test_a_flash_that_is_asked_about_is_not_excused_by_another_that_is_used() -> None:
    """A writable flash without an extent is just not used; with one, the question is about it."""
    text = log(CODE).reset().program(0, 1).read_array().of(log(STORE).reset()).text
    assert audited(text)[STORE].verdict == Verdict.NO_EXTENT
    assert codes(audited(text, options=INSIDE)) == {Code.NEVER_ACCESSED}


@pytest.mark.parametrize("device", [CODE, STORE])
def test_a_device_alone_is_judged_as_it_is_beside_the_other(device: str) -> None:
    """The code is only read from: that leaves no event, and whether anything ran shows in the other flash."""
    for variables in (store(), log(STORE).reset()):
        text = machine(variables).text
        both = audited(text, options=INSIDE)[device]
        options = Options(device=device, extents=INSIDE.extents if device == STORE else {})
        assert audited(text, options=options)[device].verdict == both.verdict


# --- recorded cases ----------------------------------------------------------------------------------------------


def test_a_capture_cut_in_mid_operation_is_inconclusive() -> None:
    found = audited(case_path("cut-mid-operation.log.zst"))
    assert (codes(found), found.exit_code) == ({Code.ENDS_MID_OPERATION}, 4)


CUTS = range(500, 1500, 67)


@pytest.mark.slow
def test_wherever_a_capture_is_cut_only_a_flash_at_rest_is_conclusive(unpacked: Callable[[str], Path]) -> None:
    """Cut in the middle of a line, of what an access causes, or of an operation."""
    lines = unpacked("aavmf-shell-padding/trace.log.zst").read_text().splitlines(keepends=True)
    at_rest = re.compile(
        r"pflash_(mode_read_array|io_read|write_block_flush|data_write|write) virt\.flash1"
        r"|pflash_io_write virt\.flash1.*value:0xd000d0 wcycle:1$",
        re.MULTILINE,
    )
    for number in CUTS:
        text = "".join(lines[: number + 1])
        conclusive = audited(text, options=INSIDE)[STORE].verdict == Verdict.WITHIN_EXTENT
        assert conclusive <= bool(at_rest.search(lines[number])), lines[number]
        half = text[: -len(lines[number]) // 2]
        assert audited(half, options=INSIDE)[STORE].verdict != Verdict.WITHIN_EXTENT or half.endswith("\n")


def test_a_guest_that_never_ran_has_no_smallest_backing() -> None:
    found = audited(machine(log(STORE).reset()).text, options=INSIDE)
    assert found[STORE].backing.bytes is None
    assert found[STORE].saved_bytes is None
    assert why_not_evaluated(found.audit, found[STORE], "SEQ001") == "no access of a guest is in the trace"


# --- firmware that does not use its flash ------------------------------------------------------------------------


def volume(length: int) -> bytes:
    """A variable store as it is delivered: its header, and nothing in it."""
    return header(fv_length=length) + b"\xff" * (length - len(header()))


def pc_images(tmp_path: Path, code_kib: int, store_kib: int) -> Options:
    """Images of a pc's two flashes."""
    (tmp_path / "code.fd").write_bytes(bytes(code_kib << 10))
    (tmp_path / "vars.fd").write_bytes(volume(store_kib << 10))
    names = {"system.flash0": "code.fd", "system.flash1": "vars.fd"}
    return Options(images={device: tmp_path / name for device, name in names.items()})


def test_code_and_store_of_different_builds_are_named_with_their_lengths(tmp_path: Path) -> None:
    """The sizes of Debian's packages: 4 MiB code beside the store of the 2 MiB build."""
    trace = case_path("ovmf-code-vars-mismatch/trace.log")
    found = audited(trace, options=pc_images(tmp_path, 3568, 128))
    (reason,) = found["system.flash1"].reasons
    assert (reason.code, found.exit_code) == (Code.NEVER_ACCESSED, 4)
    words = "code (3568 KiB) and store (128 KiB) are of different builds; 3568 + 528 make 4 MiB"
    assert reason.text.endswith(f"the firmware kept its variables in RAM: {words}")
    assert found["system.flash1"].backing.bytes is None


@pytest.mark.parametrize(("code_kib", "store_kib", "says"), [(1920, 528, "1920 + 128 make 2 MiB"), (3568, 528, None)])
def test_only_lengths_that_do_not_fit_are_called_different_builds(
    code_kib: int, store_kib: int, says: str | None, tmp_path: Path
) -> None:
    trace = log("system.flash0").reset().of(log("system.flash1").reset()).text
    (reason,) = audited(trace, options=pc_images(tmp_path, code_kib, store_kib))["system.flash1"].reasons
    assert ("different builds" in reason.text, says is None or says in reason.text) == (says is not None, True)


@pytest.mark.parametrize("start", [0, 256 << 10])
def test_a_variable_store_in_which_nothing_was_stored_proves_nothing(start: int, tmp_path: Path) -> None:
    """Probed as OVMF does, then left alone."""
    probe = log(STORE).reset().write(0, 0x500050).write(0, 0x700070).read_status(0, 0).read_array()
    image = tmp_path / "vars.fd"
    image.write_bytes(bytes(start) + volume(EXTENT))
    found = audited(machine(probe).text, options=images(STORE, image))
    assert (codes(found), found.exit_code) == ({Code.STORE_UNUSED}, 4)
    assert audited(machine(probe.program(start + 0x100, 1)).text, options=images(STORE, image)).exit_code == 0


# --- exit codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trace", "options", "code"),
    [
        (store(), ["--extent", "768K"], 0),
        (store(), ["--extent", "768K", "--fail-on", "note"], 1),
        (store().program(EXTENT, 1).read_array(), ["--extent", "768K"], 1),
        (store().program(EXTENT, 1).read_array(), ["--extent", "768K", "--allow-inconclusive"], 1),
        (store(), ["--extent", "half"], 2),
        (store(), ["--fail-on", "worst"], 2),
        (log(STORE).line("no event"), [], 3),
        (store().write(0, 0x400040), ["--extent", "768K"], 4),
        (store().write(0, 0x400040), ["--extent", "768K", "--allow-inconclusive"], 0),
        (store(), [], 4),
        (store(), ["--allow-inconclusive"], 0),
    ],
)
def test_the_exit_code_is_the_one_on_the_page(
    trace: Log, options: list[str], code: int, tmp_path: Path, quick: Quick
) -> None:
    """130 and 141 need a process: `tests/tracetool/cli/test_program.py` has them."""
    path = tmp_path / "trace.log"
    path.write_text(both_flashes(trace))
    assert quick("audit", path, *options).code == code


def both_flashes(trace: Log) -> str:
    """The text of a log with the code's flash beside it, where there is anything in it."""
    return machine(trace).text if "pflash" in trace.text else trace.text


def test_the_page_names_every_exit_code_and_verdict() -> None:
    text = (ROOT / "docs" / "verdict.md").read_text()
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == ["0", "1", "2", "3", "4", "130", "141"]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == {str(verdict) for verdict in Verdict}
