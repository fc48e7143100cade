"""`tracetool cut` and `tracetool merge`: parts of a trace, and traces of parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.logs import log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

FLASH1 = "virt.flash1"


@pytest.mark.parametrize("name", ["part.log", "part.simple", "part.parquet"])
@pytest.mark.slow
def test_the_shrunk_trace_gives_the_finding_in_every_format(name: str, tmp_path: Path, quick: Quick) -> None:
    done = quick("cut", PADDING, "--shrink", "EXT001", "-o", tmp_path / name)
    assert done.code == 0
    assert "2 of 224 operations still give EXT001" in done.err
    audit = quick("audit", tmp_path / name, "--format", "json")
    assert audit.code == 1
    document = json.loads(audit.out)
    assert "EXT001" in {finding["rule"] for finding in document["findings"]}
    assert document["health"]["lost"] > 4000


@pytest.mark.slow
def test_a_part_and_its_image_are_audited_as_one(tmp_path: Path, quick: Quick) -> None:
    part, image = tmp_path / "part.log", tmp_path / "part.fd"
    before = PADDING.parent / "flash1-before.fd.zst"
    done = quick("cut", PADDING, "--from", "4300", "-o", part, "--image", before, "--write-image", image)
    assert done.code == 0
    assert "operations: virt.flash1 from event 4285" in done.err
    audit = quick("audit", part, "--image", image)
    assert audit.code == 1
    assert "TRC007" not in audit.text
    assert "FvLength of the variable store in its image" in audit.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "say which part: --from, --to or --shrink"),
        (["--shrink", "EXT001", "--from", "3"], "--shrink takes from the whole trace"),
        (["--shrink", "EXT01"], "did you mean EXT001?"),
        (["--from", "4382"], "no operation from event 4382 on; the last event of the trace is 4382"),
        (["--from", "many"], "--from 'many' is not a number"),
        (["--from", "4000", "--write-image", "virt.flash9=x"], "the part has no device 'virt.flash9'"),
    ],
)
def test_what_is_no_part_is_refused_in_a_line(
    options: list[str], words: str, tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = quick("cut", PADDING, "-o", "part.log", *options)
    assert done.code == 2
    assert words in done.err
    assert not list(tmp_path.iterdir())


def test_the_image_before_a_trace_is_not_written_once_more(tmp_path: Path, quick: Quick) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text(log(FLASH1).program(0, 1).read_array().text)
    done = quick("cut", trace, "--to", "1", "-o", tmp_path / "part.log", "--write-image", tmp_path / "part.fd")
    assert done.code == 2
    assert "the part begins with the trace" in done.err


def test_parts_of_a_log_are_joined_whatever_their_order(tmp_path: Path, quick: Quick) -> None:
    text = log(FLASH1).reset().program(0, 1).erase(0).read_array().timed(1_700_000_000, 10).text
    half = len(text) // 2
    (tmp_path / "guest.log.0").write_text(text[:half])
    (tmp_path / "guest.log").write_text(text[half:])
    whole = tmp_path / "whole.log"
    done = quick("merge", tmp_path / "guest.log", tmp_path / "guest.log.0", "-o", whole)
    assert done.code == 0
    assert "2 parts of one log" in done.err
    assert whole.read_text() == text


def test_logs_of_threads_are_merged_by_time(tmp_path: Path, quick: Quick) -> None:
    lines = (
        log(FLASH1)
        .reset()
        .program(0, 1)
        .program(4, 2)
        .read_array()
        .timed(1_700_000_000, 10)
        .text.splitlines(keepends=True)
    )
    for thread in (0, 1):
        own = [line.replace("4242@", f"{4242 + thread}@") for line in lines[thread::2]]
        (tmp_path / f"log-{4242 + thread}").write_text("".join(own))
    done = quick("merge", *sorted(tmp_path.iterdir()), "-o", tmp_path / "whole.log")
    assert done.code == 0
    assert "logs of 2 threads, merged by time" in done.err
    merged = (tmp_path / "whole.log").read_text().splitlines(keepends=True)
    assert [line.partition(":")[2] for line in merged] == [line.partition(":")[2] for line in lines]


def test_boots_are_not_merged(tmp_path: Path, quick: Quick) -> None:
    done = quick("merge", PADDING, PADDING, "-o", tmp_path / "whole.log")
    assert done.code == 2
    assert "consecutive boots are written one after the other by export" in done.err
    assert not list(tmp_path.iterdir())
