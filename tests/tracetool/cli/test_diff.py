"""`tracetool diff`: two runs compared, as text, JSON and HTML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import FIRST_BOOT, PADDING, SAMPLES
from tests.tracetool.logs import log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


def test_the_text_names_what_matters(quick: Quick) -> None:
    done = quick("diff", FIRST_BOOT, PADDING)
    assert (done.code, done.err) == (1, "")
    lines = [" ".join(line.split()) for line in done.text.splitlines()]
    assert lines[0].startswith("DIFFERENT: operations: ")
    assert "virt.flash1 within-extent -> outside-extent" in lines
    assert any(line.startswith("+ 4368 to 4380 virt.flash1 1 program of 4 B") for line in lines)
    assert any("at 0x100000 beyond the extent" in line for line in lines)
    assert "~ MTC 1 -> 2" in lines


@pytest.mark.slow
def test_with_all_no_operation_is_folded(quick: Quick) -> None:
    document = json.loads(quick("diff", FIRST_BOOT, PADDING, "--format", "json").out)
    lines = quick("diff", FIRST_BOOT, PADDING, "--all").text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("operations (")) + 1
    end = lines.index("", begin)
    assert end - begin == len(document["operations"])


@pytest.mark.slow
def test_the_text_fits_a_mail(quick: Quick) -> None:
    done = quick("diff", FIRST_BOOT, PADDING, "--width", "72")
    assert max(map(len, done.text.splitlines())) <= 72


@pytest.mark.slow
def test_a_run_against_itself_is_the_same(quick: Quick) -> None:
    done = quick("diff", PADDING, PADDING)
    assert done.code == 0
    assert done.text.startswith("THE SAME: nothing differs\n")


@pytest.mark.slow
def test_json_has_both_sides_of_each_row(quick: Quick) -> None:
    document = json.loads(quick("diff", FIRST_BOOT, PADDING, "--format", "json").out)
    assert (document["schema"], document["equal"], document["exit_code"]) == ("tracetool.diff/1", False, 1)
    for row in document["operations"]:
        assert (row["a"] is None) == (row["change"] == "added")
        assert (row["b"] is None) == (row["change"] == "gone")
        assert bool(row["differs"]) == (row["change"] == "changed")


def test_the_page_has_every_section_and_escapes_names(tmp_path: Path, quick: Quick) -> None:
    page = quick("diff", FIRST_BOOT, PADDING, "--format", "html").text
    for title in ("Verdicts", "Findings", "Operations", "UEFI variables", "Contents", "Figures", "Erase blocks"):
        assert f"<h2>{title}</h2>" in page
    path = tmp_path / "<b>.log"
    path.write_text(log("virt.flash1").reset().program(0, 1).text)
    page = quick("diff", path, PADDING, "--format", "html").text
    assert "<b>" not in page
    assert "&lt;b&gt;.log" in page


@pytest.mark.slow
def test_an_option_of_one_side_does_not_reach_the_other(quick: Quick) -> None:
    assert quick("diff", PADDING, PADDING, "--extent", "2M").code == 0
    done = quick("diff", PADDING, PADDING, "--b-extent", "virt.flash1=2M")
    assert done.code == 1
    assert "outside-extent -> within-extent" in " ".join(done.text.split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-", "-"], 2, "standard input can be read only once"),
        ([PADDING, "nothing.log"], 3, "nothing.log"),
        ([PADDING], 2, "Missing argument"),
        ([PADDING, PADDING, "--a-extent", "much"], 2, "--extent"),
        ([PADDING, SAMPLES / "aavmf-shell-padding" / "flash1-after.fd.zst"], 3, "is a flash image, not a trace"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(
    arguments: list[str | Path], code: int, words: str, quick: Quick
) -> None:
    done = quick("diff", *arguments)
    assert done.code == code
    assert words in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.slow
def test_a_damaged_trace_that_differs_in_nothing_is_inconclusive(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "damaged.log"
    path.write_text(log("virt.flash1").reset().program(0, 1).read_array().text + "pflash_io_write virt.flash1: off\n")
    done = quick("diff", path, path)
    assert done.code == 4
    assert "but a trace is incomplete" in done.text


@pytest.mark.parametrize("option", [["--all"], ["--format", "json"], ["-o", "x.html"]])
def test_what_is_shown_side_by_side_is_not_written(option: list[str], quick: Quick) -> None:
    ended = quick("diff", FIRST_BOOT, PADDING, "--view", *option)
    assert (ended.code, "leave out --all, --format and -o" in ended.err) == (2, True)


def test_without_a_terminal_two_runs_are_not_shown(quick: Quick) -> None:
    ended = quick("diff", FIRST_BOOT, PADDING, "--view")
    assert (ended.code, "diff --view needs a terminal" in ended.err) == (2, True)
