"""`tracetool who`, as users run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.captures import capture_path
from tests.tracetool.cli.program import PADDING, tracetool
from tests.tracetool.who.captures import recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def arguments() -> list[Path | str]:
    folder = capture_path("aavmf-who/trace.log.zst").parent
    return [folder / "trace.log.zst", "--who-log", folder / "who.log.zst"]


@pytest.mark.slow
def test_modules_by_what_they_did(arguments: list[Path | str]) -> None:
    ended = tracetool("who", *arguments)
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split() for line in ended.text.splitlines()]
    assert lines[1] == ["BdsDxe", "801", "187", "23,936", "31,529", "12", "12", "0", "7,621", "0.046392", "VAR002"]
    assert [line[0] for line in lines[1:]] == [
        *("BdsDxe", "VariableRuntimeDxe", "FaultTolerantWriteDxe", "MonotonicCounterRuntimeDxe", "VirtNorFlashDxe"),
        "DxeIpl",
    ]
    assert lines[-1][-1] == "RO001"


@pytest.mark.slow
def test_modules_as_data(arguments: list[Path | str]) -> None:
    ended = tracetool("who", *arguments, "--where", "op == erase", "--format", "jsonl")
    rows = [json.loads(line) for line in ended.text.splitlines()]
    assert {row["by"]: (row["erases"], row["live_erases"]) for row in rows} == {
        "BdsDxe": (12, 12),
        "VariableRuntimeDxe": (1, 1),
        "MonotonicCounterRuntimeDxe": (1, 1),
        "FaultTolerantWriteDxe": (6, 0),
        "VirtNorFlashDxe": (3, 0),
    }
    ended = tracetool("who", *arguments, "--format", "csv")
    assert ended.text.splitlines()[0].startswith("by,operations,programs,erases,live_erases,bytes_programmed")
    assert ended.text.splitlines()[-1].endswith(",RO001")


@pytest.mark.slow
def test_operations_with_their_callers(arguments: list[Path | str]) -> None:
    ended = tracetool("who", *arguments, "--operations", "--where", "op == stray", "--format", "csv")
    assert ended.code == 0
    head, row = ended.text.splitlines()
    assert head.endswith("intent,pc,by,chain")
    assert ",DxeIpl,DxeIpl+0x3444 < PeiCore+0x5ea0 <" in row


def test_the_timeline_names_who_asked(arguments: list[Path | str]) -> None:
    asked = tracetool("operations", *arguments, "--where", "by == DxeIpl").text.splitlines()
    assert [asked[0].split()[-1], *(line.split()[-1] for line in asked[1:])] == ["by", "DxeIpl", "DxeIpl"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-30], "is not complete"),
        (lambda data: data[:300_000] + b"\n" + data[300_100:], "damaged lines, the first is line"),
        (lambda data: data.replace(b" virt.", b" other."), "does not fit the trace, so it is of another run"),
        (lambda _: b"", "is not complete"),
        (lambda _: recorded("trace.log.zst"), "is no log of the guest's code; tracetool record --who writes one"),
        (lambda _: b"\x1b]0;evil\x07" * 1000, "is not complete"),
    ],
)
@pytest.mark.slow
def test_a_log_that_is_no_longer_whole_is_told(
    damage: Callable[[bytes], bytes], said: str, arguments: list[Path | str], tmp_path: Path
) -> None:
    log = tmp_path / "who.log"
    log.write_bytes(damage(recorded("who.log.zst")))
    ended = tracetool("who", arguments[0], "--who-log", log)
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err
    assert said in ended.err


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([], "holds no log of the guest's code: record the run with tracetool record --who"),
        (["--who-log", "/nowhere"], "/nowhere"),
        ([PADDING, "--who-log", "/nowhere"], "one log is of one run"),
    ],
)
@pytest.mark.slow
def test_what_is_missing_is_said(extra: list[Path | str], said: str) -> None:
    ended = tracetool("who", PADDING, *extra)
    assert ended.code in (2, 3)
    assert said in ended.err
