"""`tracetool who`, as users run it."""

from __future__ import annotations

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
    return [folder / "trace.log.zst", "--log", folder / "who.log.zst"]


def test_modules_by_what_they_did(arguments: list[Path | str]) -> None:
    ended = tracetool("who", *arguments)
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split() for line in ended.text.splitlines()]
    assert lines[1][:6] == ["BdsDxe", "801", "187", "23,936", "12", "3"]
    assert len(lines) == 7


def test_operations_with_their_callers(arguments: list[Path | str]) -> None:
    ended = tracetool("who", *arguments, "--operations", "--where", "op == stray", "--format", "csv")
    assert ended.code == 0
    head, row = ended.text.splitlines()
    assert head.endswith("pc,by,chain")
    assert ",DxeIpl,DxeIpl+0x3444 < PeiCore+0x5ea0 <" in row


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-30], "is not complete"),
        (lambda data: data[:300_000] + b"\n" + data[300_100:], "lines are damaged"),
        (lambda data: data.replace(b" virt.", b" other."), "fits no access of the trace"),
        (lambda _: b"", "is not complete"),
        (lambda _: b"\x1b]0;evil\x07" * 1000, "is not complete"),
    ],
)
def test_a_log_that_is_no_longer_whole_is_told(
    damage: Callable[[bytes], bytes], said: str, arguments: list[Path | str], tmp_path: Path
) -> None:
    log = tmp_path / "who.log"
    log.write_bytes(damage(recorded("who.log.zst")))
    ended = tracetool("who", arguments[0], "--log", log)
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err
    assert said in ended.err


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([], "holds no log of the guest's code: record the run with tracetool record --who"),
        (["--log", "/nowhere"], "/nowhere"),
        ([PADDING, "--log", "/nowhere"], "one log is of one run"),
    ],
)
def test_what_is_missing_is_said(extra: list[Path | str], said: str) -> None:
    ended = tracetool("who", PADDING, *extra)
    assert ended.code in (2, 3)
    assert said in ended.err
