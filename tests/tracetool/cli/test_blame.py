"""`tracetool blame`, as users run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import FIRST_BOOT, PADDING, SAMPLES

if TYPE_CHECKING:
    from tests.tracetool.cli.program import Quick

IMAGE = SAMPLES / "aavmf-first-boot" / "flash1-before.fd.zst"
LOG = SAMPLES / "aavmf-first-boot" / "who.log.zst"


@pytest.mark.slow
def test_a_byte_with_the_code_that_asked_for_it(quick: Quick) -> None:
    ended = quick("blame", FIRST_BOOT, "--image", IMAGE, "--who-log", LOG, "0x1aa..0x1ac")
    assert (ended.code, ended.err) == (0, "")
    head, mark, created = [line.split() for line in ended.text.splitlines()]
    assert head[:5] == ["offset", "length", "value", "part", "variable"]
    assert mark[:7] == ["0x01aa", "1", "B", "3c", "header", "BootOrder", "17443"]
    assert mark[10:16] == ["BdsDxe", "3", "14214", "buffered-program", "supersede", "BdsDxe"]
    assert created[10:16] == ["BdsDxe", "12", "2907", "buffered-program", "create", "BdsDxe"]
    assert mark[16].startswith("VirtNorFlashDxe+0x")


def test_programs_get_all_of_it(quick: Quick) -> None:
    rows = [json.loads(line) for line in quick("blame", PADDING, "1M..0x100010", "--format", "jsonl").text.splitlines()]
    assert [(row["value"], row["seq"], row["first_seq"], row["kind"]) for row in rows] == [
        ("40004000", 4370, 4370, "program"),
        ("??" * 12, None, None, "image"),
    ]
    assert all(row["by"] is None for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0x"], "'0x' is not a size"),
        (["8.."], "'8..': write OFFSET, or OFFSET..END, the end exclusive"),
        (["8..4"], "8..4: the end of the bytes is exclusive, and behind their start"),
        (["..4"], "'..4': write OFFSET, or OFFSET..END, the end exclusive"),
        (["100M"], "virt.flash1 has the bytes 0 to 0x4000000; give OFFSET, or OFFSET..END, the end exclusive"),
        (["0", "--at", "99999"], "--at 99999: the last event of virt.flash1 in that trace is 4382"),
        (["0", "--who-log", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str, quick: Quick) -> None:
    ended = quick("blame", PADDING, *arguments)
    assert ended.code in (2, 3)
    assert message in ended.err
    assert ended.err.count("\n") == 1
