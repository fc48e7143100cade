"""What a device says of its file: in several boots, against an option, and by what it throws away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.captures import case_path
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import audited, replayed
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.audit.reason import Code
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STORE = "virt.flash1"
SHORT, LONG = 0xC0000, 0x200000
BEYOND = 0x100000


def boot(extent: int) -> Log:
    """A boot of a guest that programs a word at 1 MiB, which a shorter file than that throws away."""
    trace = log(STORE).realize(extent).reset().program(0x100, 1).read_array()
    if extent <= BEYOND:
        return trace.outer_write(BEYOND).outer_write(BEYOND)
    return trace.program(BEYOND, 2).read_array()


def inside(extent: int) -> Log:
    """A boot that stays within the shortest of the files."""
    return log(STORE).realize(extent).reset().program(0x100, 1).read_array()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("order", [(LONG, SHORT), (SHORT, LONG)])
@pytest.mark.parametrize("traces", [1, 2])
@pytest.mark.first_quick
def test_of_several_files_the_shortest_counts(order: tuple[int, int], traces: int, stream: bool) -> None:
    first, second = (boot(extent) for extent in order)
    texts = [first.text, second.text] if traces > 1 else [first.of(second).text]
    found = audited(*texts, stream=stream)
    extent = found[STORE].extent
    assert extent is not None
    assert (extent.bytes, found[STORE].verdict, found.exit_code) == (SHORT, Verdict.OUTSIDE_EXTENT, 1)
    assert found.findings("TRC001") == []
    (kept,) = (finding for finding in found.findings("EXT003") if "was not traced" in finding.message)
    assert (kept.offset, kept.count) == (BEYOND, 2)


@pytest.mark.slow
def test_a_program_beyond_the_shorter_file_is_found_in_the_boot_with_the_longer() -> None:
    found = audited(boot(LONG).text, inside(SHORT).text)
    (program,) = found.findings("EXT001")
    assert (program.trace, program.offset) == (0, BEYOND)
    within = audited(inside(LONG).text, inside(SHORT).text)
    assert (within[STORE].verdict, within.exit_code) == (Verdict.WITHIN_EXTENT, 0)


def test_a_stream_in_which_the_file_becomes_shorter_is_not_green() -> None:
    found = audited(boot(LONG).of(inside(SHORT)).text, stream=True)
    assert [reason.code for reason in found[STORE].reasons] == [Code.FILE_CHANGED]
    assert found.exit_code == 4


def test_what_a_shorter_file_holds_is_what_the_guest_reads_after_it(tmp_path: Path) -> None:
    image = tmp_path / "vars.fd"
    image.write_bytes(bytes(LONG))
    both = boot(LONG).of(inside(SHORT)).text
    machine = replayed([both], Options(images={STORE: image})).devices[STORE].machine
    assert machine is not None
    assert (machine.storage()[BEYOND], machine.storage()[0x100], machine.backed_bytes) == (0, 1, SHORT)


def test_what_a_longer_file_holds_beyond_the_shorter_one_is_unknown(tmp_path: Path) -> None:
    image = tmp_path / "vars.fd"
    image.write_bytes(bytes(SHORT))
    both = inside(SHORT).of(boot(LONG)).text
    machine = replayed([both], Options(images={STORE: image})).devices[STORE].machine
    assert machine is not None
    assert machine.backed_bytes == LONG
    assert machine.unknown(backing=True, end=LONG) == (LONG - SHORT - 4, SHORT)
    assert machine.unknown(backing=False, end=LONG) == (LONG - SHORT - 4, SHORT)


@pytest.mark.parametrize("told", [SHORT + 1, LONG])
@pytest.mark.parametrize("texts", [[boot(SHORT).text], [boot(LONG).text, boot(SHORT).text]], ids=["one", "later"])
def test_an_extent_beyond_the_file_is_refused(told: int, texts: list[str]) -> None:
    with pytest.raises(UsageError, match=r"the file of that device ends at 768 KiB, says its pflash_realize event"):
        audited(*texts, options=Options(extents={STORE: told}))


def test_an_extent_within_the_file_is_taken() -> None:
    found = audited(inside(SHORT).text, options=Options(extents={STORE: 0x80000}))
    extent = found[STORE].extent
    assert extent is not None
    assert (extent.bytes, found.exit_code) == (0x80000, 0)


@pytest.mark.parametrize("options", [Options(), Options(extents={STORE: LONG})], ids=["no extent", "an extent"])
def test_what_the_device_threw_away_is_outside_whatever_the_extent(options: Options) -> None:
    """Without its pflash_realize event, too."""
    trace = log(STORE).reset().program(0x100, 1).read_array().outer_write(BEYOND)
    found = audited(trace.text, options=options)
    assert (found[STORE].verdict, found.exit_code) == (Verdict.OUTSIDE_EXTENT, 1)
    assert [reason.code for reason in found[STORE].reasons] == [Code.WROTE_OUTSIDE]


def test_the_recorded_trace_of_such_a_device_refuses_a_longer_extent() -> None:
    trace = case_path("outer-write-under-extent-option.log.zst")
    assert audited(trace)[STORE].verdict == Verdict.OUTSIDE_EXTENT
    with pytest.raises(UsageError, match="the file of that device ends at 768 KiB"):
        audited(trace, options=Options(extents={STORE: LONG}))


@pytest.mark.slow
def test_a_second_boot_of_the_recorded_firmware_on_a_shorter_file_is_outside(unpacked: Callable[[str], Path]) -> None:
    """The first boot is the same without what the shorter file shows."""
    second = unpacked("aavmf-rfc-v2/trace.log.zst").read_text()
    lines = second.replace("blk_len:0xc0000", "blk_len:0x200000").splitlines(keepends=True)
    first = "".join(line for line in lines if "pflash_outer_" not in line)
    for traces in ([first, second], [first + second]):
        found = audited(*traces)
        assert (found[STORE].verdict, found.exit_code) == (Verdict.OUTSIDE_EXTENT, 1)
