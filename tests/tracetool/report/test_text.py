from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.captures import case_path
from tests.tracetool.logs import log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


@pytest.mark.parametrize("output", ["text", "html"])
def test_where_no_extent_is_known_the_findings_come_first(output: str, quick: Quick, tmp_path: Path) -> None:
    """For who has no variable store, what is wrong is the question, not where the store ends."""
    trace = tmp_path / "trace.log"
    trace.write_text(log("virt.flash1").reset().program(0, 1).write(0, 0x12345678).text)
    ended = quick("audit", trace, "--format", output)
    assert ended.code == 4
    words = " ".join(ended.text.split())
    assert "nothing says which part of virt.flash1 is the firmware" in words
    assert "1 warning" in words
    assert words.index("SEQ001") < words.index("give --extent virt.flash1=SIZE")


def test_a_known_bug_of_qemu_stands_before_the_figures_of_u_boots_flash(quick: Quick) -> None:
    ended = quick("audit", case_path("uboot-saveenv-qemu-2343.log.zst"))
    assert ended.code == 1
    assert ended.text.startswith("NO-EXTENT: ")
    assert ended.text.index("SEQ002") < ended.text.index("virt.flash1  no-extent")


def test_where_an_extent_is_known_the_answer_comes_first(quick: Quick, tmp_path: Path) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text(log("virt.flash1").reset().program(0, 1).write(0, 0x12345678).text)
    ended = quick("audit", trace, "--extent", "virt.flash1=768K")
    assert ended.code == 0
    assert ended.text.index("within-extent") < ended.text.index("SEQ001")
