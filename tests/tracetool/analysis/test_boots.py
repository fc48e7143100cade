"""`--boot`: one boot, or those of the last start of QEMU, as far as the trace tells starts from reboots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tracetool.analysis.test_processes import FLASH1, boot, by_thread, interleaved, tagged
from tests.tracetool.export.support import exported
from tests.tracetool.traces import audited, reader
from tracetool.analysis.boots import LAST, parse_boot
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.errors import UsageError
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from pathlib import Path

STARTING = "2026-11-22 08:46:07.100+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.0, hostname: h"


def text_of(*parts: list[str]) -> str:
    return "".join(f"{line}\n" for part in parts for line in part)


def bare(*values: int) -> list[str]:
    return boot(*values).text.splitlines()


def without_realize(*values: int) -> list[str]:
    return [line for line in bare(*values) if "realize" not in line]


def programs(text: str, number: int | None, **how: int) -> int:
    return audited(text, options=Options(boot=number), **how)[FLASH1].totals.programs  # type: ignore[arg-type]


THREE = text_of(bare(1), bare(1, 2), bare(1, 2, 3))


@pytest.mark.parametrize(("number", "count"), [(0, 1), (1, 2), (2, 3), (LAST, 3), (None, 6)])
@pytest.mark.first_quick
def test_a_boot_is_chosen_by_its_number(number: int | None, count: int) -> None:
    assert programs(THREE, number) == programs(THREE, number, chunk_bytes=50) == count


def test_what_other_boots_did_is_left_out_and_said() -> None:
    found = audited(THREE, options=Options(boot=2))[FLASH1]
    assert found.verdict == Verdict.WITHIN_EXTENT
    assert f"log: {len(bare(1)) + len(bare(1, 2))} events of other boots left out (--boot)" in found.verdict_reasons
    assert not found.contents_known


def test_the_numbers_are_those_of_the_column() -> None:
    (frame,) = reader(THREE).chunks()
    counts = [len(bare(1)), len(bare(1, 2)), len(bare(1, 2, 3))]
    assert frame["boot"].to_list() == [number for number, count in enumerate(counts) for _ in range(count)]


def test_a_boot_that_is_not_there_is_refused_with_how_many_there_are() -> None:
    with pytest.raises(UsageError, match=r"--boot 3: the trace has 3 boots, 0 to 2"):
        programs(THREE, 3)
    with pytest.raises(UsageError, match=r"--boot 1: the trace has 1 boot, 0"):
        programs(text_of(bare(1)), 1)


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ([without_realize(1), without_realize(1, 2)], 2),
        ([[STARTING], without_realize(1), [STARTING], without_realize(1), without_realize(1, 2)], 3),
        ([by_thread(boot(1), 100, 101), by_thread(boot(1), 200, 201)], 1),
        ([bare(9), bare(1), without_realize(1, 2)], 3),
        ([tagged(boot(1), 4711), tagged(boot(1, 2), 4812)], 2),
    ],
    ids=["each boot", "libvirt", "main threads", "realize", "processes"],
)
def test_the_last_start_has_the_reboots_of_its_guest(parts: list[list[str]], count: int) -> None:
    found = audited(text_of(*parts), options=Options(boot=LAST))
    flashes = [device for device in found.audit.devices if FLASH1 in device.name]
    assert [device.totals.programs for device in flashes] == [count]


def test_a_reboot_by_the_same_main_thread_is_no_start() -> None:
    lines = by_thread(boot(9), 100, 101)
    again = [
        line for value in (1, 2) for line in by_thread(boot(value), 200, 201) if value == 1 or "realize" not in line
    ]
    assert programs(text_of(lines, again), LAST) == 2


def test_a_stream_gives_a_boot_by_its_number_and_refuses_the_last() -> None:
    assert audited(THREE, options=Options(boot=1), stream=True)[FLASH1].totals.programs == 2
    with pytest.raises(UsageError, match="a stream does not allow: give a file, or a number"):
        audited(THREE, options=Options(boot=LAST), stream=True)


def test_several_traces_have_no_boot_to_choose() -> None:
    with pytest.raises(UsageError, match="several are consecutive boots"):
        audited(THREE, THREE, options=Options(boot=1))


def test_each_process_has_boots_of_its_own() -> None:
    text = interleaved(tagged(boot(1).of(boot(2, 3)), 4711), tagged(boot(1).of(boot(4, 5, 6)), 4812))
    found = audited(text, options=Options(boot=1))
    assert [found[f"{FLASH1} (pid {process})"].totals.programs for process in (4711, 4812)] == [2, 3]


def test_an_image_is_the_contents_before_the_boot(tmp_path: Path) -> None:
    image = tmp_path / "before.fd"
    image.write_bytes(b"\xff" * 0xC0000)
    assert audited(THREE, options=Options(boot=LAST, images={FLASH1: image}))[FLASH1].contents_known


def test_an_exported_boot_is_known_to_be_a_part(tmp_path: Path) -> None:
    source = tmp_path / "three.log"
    source.write_text(THREE)
    path = tmp_path / "last.log"
    path.write_bytes(exported(open_trace(str(source)), "log", boot=LAST).data)
    found = audited(path)[FLASH1]
    assert (found.totals.programs, found.verdict) == (3, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("text", ["", "-1", "first", "1x", "\N{SUPERSCRIPT TWO}"])
def test_a_boot_is_a_number_or_the_last(text: str) -> None:
    with pytest.raises(UsageError, match="give the number of a boot, from 0, or last"):
        parse_boot(text)
    assert (parse_boot("0"), parse_boot("last"), parse_boot(None)) == (0, LAST, None)
