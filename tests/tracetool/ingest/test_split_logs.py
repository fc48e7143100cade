"""Parts of one log are joined, and the logs of one QEMU's threads merged; what cannot be is refused, or left alone."""

from __future__ import annotations

import json
import re
import tarfile
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import case_path
from tests.tracetool.cli.program import PADDING
from tests.tracetool.ingest.support import collect
from tracetool.compression import zstd
from tracetool.errors import InputError
from tracetool.ingest import open_trace
from tracetool.ingest.split_logs import RotatedLog, ThreadLogs, combine_logs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.tracetool.cli.program import Quick
    from tracetool.ingest import TraceReader

WHOLE = re.sub(rb"\d+@[\d.]+:", b"", zstd.decompress(PADDING.read_bytes()))
"""The sample's lines without their times."""


def timed(count: int = 400) -> bytes:
    """The first lines of the sample, each with a time."""
    lines = WHOLE.splitlines(keepends=True)[:count]
    return b"".join(b"77@%d.%06d:%b" % (100 + n // 9, n % 9, line) for n, line in enumerate(lines))


def written(folder: Path, files: dict[str, bytes]) -> list[str]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in files]


def combined(paths: Sequence[str]) -> list[TraceReader]:
    return combine_logs([open_trace(path) for path in paths])


def unpacked(name: str, folder: Path) -> list[str]:
    with zstd.open(case_path(name)) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
        return written(
            folder,
            {
                member.name.removeprefix("./"): file.read()
                for member in archive
                if member.isfile() and (file := archive.extractfile(member)) is not None
            },
        )


# --- parts of one log --------------------------------------------------------------------------------------------


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(3000, 9000), st.integers(12_000, 20_000), st.sampled_from(list(permutations(range(3)))))
@pytest.mark.slow
def test_a_log_that_was_cut_anywhere_is_read_whole_in_any_order(
    tmp_path: Path, one: int, two: int, order: tuple[int, int, int]
) -> None:
    whole = timed()
    cut = {"g.log.1": whole[:one], "g.log.0": whole[one:two], "g.log": whole[two:]}
    paths = written(tmp_path, cut)
    readers = combined([paths[number] for number in order])
    (tmp_path / "whole").write_bytes(whole)
    expected = collect(open_trace(str(tmp_path / "whole")))
    if b"\n" in whole[one - 1 : one + 1] + whole[two - 1 : two + 1] and len(readers) == 3:
        return  # nothing tells a cut between two lines from the end of a log
    (reader,) = readers
    reading = collect(reader)
    assert_frame_equal(reading.frame, expected.frame, categorical_as_str=True)
    assert reading.health == expected.health


def test_parts_without_numbers_are_ordered_by_the_lines_they_share(tmp_path: Path) -> None:
    whole = timed()
    paths = written(tmp_path, {"b": whole[5010:], "a": whole[:5010]})
    assert whole[5009:5010] != b"\n"
    (reader,) = combined(paths)
    assert reader.meta.name == f"{paths[1]}, {paths[0]}"
    assert collect(reader).health.damaged == 0


def test_packed_parts_are_joined_and_damage_names_its_part(tmp_path: Path) -> None:
    whole = timed().replace(b"value:0x17384", b"value:0x1738g", 1)
    lines = whole.splitlines(keepends=True)
    cut = len(b"".join(lines[:100])) + 30
    broken = b"".join(lines[:150]) + lines[150][:40] + b"\n" + b"".join(lines[151:])
    paths = written(tmp_path, {"g.log.0.zst": zstd.compress(broken[:cut]), "g.log": broken[cut:]})
    (reader,) = combined(paths)
    assert isinstance(reader, RotatedLog)
    first, second = collect(reader).health.first_damaged
    assert (first.number, second.number) == (3, 151)
    assert first.reason.endswith(f", line 3 of {paths[0]}")
    assert second.reason.endswith(f", line 51 of {paths[1]}")


def test_parts_whose_order_cannot_be_told_are_refused(tmp_path: Path) -> None:
    whole = timed()
    paths = written(tmp_path, {"a": whole[:5010], "b": whole[5010:9000] + b"\n", "c": WHOLE[:3000]})
    with pytest.raises(
        InputError, match=r"a ends, and .*b begins, in the middle of a line: parts of one log; join all"
    ):
        combined(paths)


def test_parts_that_fit_without_the_one_between_them_are_refused(tmp_path: Path) -> None:
    whole = timed()
    places = [place.end() for place in re.finditer(rb"io_write virt.flash1: offset:0x(?=[0-9a-f]{2,})", whole)]
    one, other = places[1], places[-1]
    for names in (("g.1", "g"), ("g.2.gz", "g.0"), ("g.00", "g.02")):
        paths = written(tmp_path, dict(zip(names, (whole[:one], whole[other:]), strict=True)))
        with pytest.raises(InputError, match="parts of one log; join all of them first"):
            combined(paths)


def test_boots_stay_boots(tmp_path: Path) -> None:
    whole, cut = timed(), timed()[:-20]
    later = whole.replace(b"77@1", b"77@2")
    for files in (
        {"boot.log.1": whole, "boot.log": later},
        {"boot.log.1": cut, "boot.log": later},
        {"a": WHOLE, "b": WHOLE},
        {"a": WHOLE[:-9], "b": WHOLE},
        {"a": whole, "b": whole},
    ):
        assert len(combined(written(tmp_path, files))) == 2
    assert len(combined([str(PADDING), str(PADDING)])) == 2


@pytest.mark.slow
def test_what_virtlogd_rotated_is_joined_in_any_order(tmp_path: Path, quick: Quick) -> None:
    parts = unpacked("rotated-virtlogd.tar.zst", tmp_path)
    whole = tmp_path / "whole"
    whole.write_bytes(b"".join((tmp_path / f"guest.log{end}").read_bytes() for end in (".2", ".1", ".0", "")))
    expected = json.loads(quick("audit", whole, "--format", "json").out)
    for order in (parts, parts[::-1], [parts[number] for number in (2, 0, 3, 1)]):
        ended = quick("audit", *order, "--format", "json")
        report = json.loads(ended.out)
        assert (ended.code, report["devices"], report["findings"]) == (0, expected["devices"], expected["findings"])
        assert "4 parts of one log, read as one trace" in ended.err


# --- threads -----------------------------------------------------------------------------------------------------


def by_threads(seed: int, *, times: bool = True) -> dict[str, bytes]:
    """The log as `-d tid -D log-%d` writes it: resets by the main thread, the rest by two others in turn."""
    random, files = Random(seed), dict.fromkeys((31353, 31355, 31356), b"")  # noqa: S311
    thread = 31355
    for number, line in enumerate(WHOLE.splitlines(keepends=True)[:600]):
        thread = random.choice((31355, 31356)) if b"io_write" in line else thread
        tid = 31353 if b"pflash_reset" in line else thread
        files[tid] += (b"%d@%d.%06d:" % (tid, 100 + number // 50, number) if times else b"") + line
    return {f"log-{tid}.txt": data for tid, data in files.items()}


@pytest.mark.parametrize("seed", range(3))
def test_logs_of_threads_are_merged_by_time(tmp_path: Path, seed: int) -> None:
    files = by_threads(seed)
    lines: list[bytes] = b"".join(files.values()).splitlines(keepends=True)
    lines.sort(key=lambda line: line[line.index(b"@") :])
    (tmp_path / "whole").write_bytes(b"".join(lines))
    files["log-31999.txt"] = b"31999@100.000000:virtio_queue_notify vdev 0x5\n"
    (reader,) = combined(written(tmp_path, files))
    assert isinstance(reader, ThreadLogs)
    reading, expected = collect(reader), collect(open_trace(str(tmp_path / "whole")))
    assert_frame_equal(reading.frame, expected.frame, categorical_as_str=True)
    assert reading.meta.shapes == expected.meta.shapes
    assert (reading.health.events, reading.health.other) == (expected.health.events, 1)


def test_logs_of_threads_without_times_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without times to merge them by; record with -msg timestamp=on"):
        combined(written(tmp_path, by_threads(1, times=False)))


def test_two_machines_at_the_same_time_are_not_merged(tmp_path: Path) -> None:
    one = timed()
    assert len(combined(written(tmp_path, {"a": one, "b": one.replace(b"77@", b"78@").replace(b"0:p", b"1:p")}))) == 2


def test_what_two_vcpus_of_a_linux_guest_wrote_is_proved(tmp_path: Path, quick: Quick) -> None:
    logs = unpacked("threads-d-tid.tar.zst", tmp_path)
    after = tmp_path / "after.fd"
    after.write_bytes(zstd.decompress(case_path("threads-d-tid.after.fd.zst").read_bytes()))
    ended = quick("audit", *logs, "--image", after, "--format", "json")
    report = json.loads(ended.out)
    assert {finding["rule"] for finding in report["findings"]}.isdisjoint({"TRC001", "TRC007"})
    assert len(report["traces"]) == 1
    (device,) = (device for device in report["devices"] if device["name"] == "system.flash1")
    assert device["totals"]["erases"] == 3
