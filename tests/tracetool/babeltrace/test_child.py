"""What the process does, done in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.captures import ROOT
from tests.tracetool.ctf_traces import EventType, Packet, needed_babeltrace, write_trace
from tracetool.babeltrace.blocks import Blocks
from tracetool.babeltrace.child import read
from tracetool.babeltrace.errors import BabeltraceError
from tracetool.babeltrace.layout import COLUMNS
from tracetool.ingest.ctf_columns import layouts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

ROWS, SLOTS = 64, 3
TYPES = [
    EventType("qemu:pflash_reset", {"name": "str"}),
    EventType("qemu:pflash_write", {"name": "str", "str": "str"}),
    EventType("qemu:other", {}),
]
EVENTS: list[tuple[int, int, tuple[str, ...]]] = [(0, 1, ("a",)), (1, 2, ("b", "text")), (2, 3, ()), (0, 4, ("a",))]


@pytest.fixture(autouse=True)
def _library() -> None:
    needed_babeltrace()


class Waiting:
    """A pipe on which nothing ever comes."""

    def __iter__(self) -> Iterator[bytes]:
        threading.Event().wait()
        yield b""


def said(folders: list[str], scratch: Path, **changes: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """What the process says of a trace."""
    memory = os.memfd_create("test")
    os.truncate(memory, SLOTS * COLUMNS * ROWS * 8)
    request: dict[str, Any] = {
        "library": None,
        "folders": folders,
        "scratch": str(scratch),
        "span": True,
        "layouts": layouts(),
    }
    request |= {"loop": "plain", "long": False, "cache": str(scratch / "cache")} | changes
    inward, out = os.pipe()
    try:
        read(request, Blocks(memory, SLOTS, ROWS, out, cast("BufferedReader", Waiting())))
    finally:
        os.close(out)
        os.close(memory)
        with os.fdopen(inward) as lines:
            told = [json.loads(line) for line in lines]
    return told


def test_what_is_said_of_a_trace(tmp_path: Path) -> None:
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS), Packet([(0, 9, ("c",))], 1, discarded=5)]])
    first, last = said([folder], tmp_path)
    assert first["notes"] == []
    assert first["span"][1] - first["span"][0] == 8
    assert (last["slot"], last["rows"], last["seen"], last["other"]) == (0, 4, 6, 2)
    assert last["words"] == ["a", "b", "text", "c"]
    assert [described["name"] for described in last["classes"]] == ["qemu:pflash_reset", "qemu:pflash_write"]
    assert last["losses"] == [[5, 3, 5]]


def test_only_long_traces_are_compiled_for(tmp_path: Path) -> None:
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS)]])
    plain = said([folder], tmp_path, loop="auto")[1:]
    assert plain[0]["rows"] == 3
    assert said([folder], tmp_path, loop="auto", long=True)[1:] == [{"compiling": True}, *plain]
    assert said([folder], tmp_path, loop="auto")[1:] == plain


def test_a_trace_with_a_cut_stream_is_saved(tmp_path: Path) -> None:
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS)], [Packet(EVENTS)]])
    stream = tmp_path / "trace" / "ch_1"
    os.truncate(stream, stream.stat().st_size - 1)
    first, block, last = said([folder], tmp_path)
    assert first["notes"][0].startswith("stream ch_1 is cut at byte ")
    assert block["rows"] == 5
    assert last["notes"][0].startswith("babeltrace2 says of it: ")


def test_a_trace_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS)]])
    (tmp_path / "trace" / "metadata").write_text("/* CTF 1.8 */ trace {")
    with pytest.raises(BabeltraceError, match="Cannot create trace"):
        said([folder], tmp_path)


def test_the_process_starts_without_anything_heavy() -> None:
    code = (
        "import sys, tracetool.babeltrace.child\n"
        "print(*{'polars', 'numpy', 'numba', 'llvmlite', 'tracetool.events', 'tracetool.ingest'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == ""
