"""What the process does, done in this one; compiled and as plain Python."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.captures import ROOT
from tests.forms import is_extension, plain
from tests.requirements import needed_kernels
from tests.tracetool.ctf_traces import EventType, Packet, needed_babeltrace, write_trace
from tracetool.babeltrace import child as compiled_child
from tracetool.babeltrace import kernel
from tracetool.babeltrace.layout import COLUMNS, MAX_FIELDS
from tracetool.ingest.ctf_columns import layouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedReader
    from pathlib import Path

    Values = Sequence[int | str]

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


def forms() -> dict[str, Any]:
    """The module `child`, by form; only the plain one where nothing is compiled."""
    compiled = {"compiled": compiled_child} if is_extension(kernel) else {}
    return compiled | {"plain": plain("tracetool.babeltrace.child")}


@pytest.fixture(name="child", params=["compiled", "plain"])
def _child(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401  a module
    """Each form of the module `child`."""
    if request.param not in forms():
        needed_kernels()
    return forms()[request.param]


class Waiting:
    """A pipe on which nothing ever comes."""

    def __iter__(self) -> Iterator[bytes]:
        threading.Event().wait()
        yield b""


class Answer:
    """What the process says of a trace: lines, and the words of all blocks."""

    def __init__(self, child: Any, folders: list[str], scratch: Path, *, rows: int = ROWS) -> None:  # noqa: ANN401
        memory = os.memfd_create("test")
        size = SLOTS * COLUMNS * ROWS * 8
        os.truncate(memory, size)
        wanted = {"prefix": "pflash_", "layouts": layouts()}
        request = {"library": None, "folders": folders, "scratch": str(scratch), "span": True, **wanted}
        inward, out = os.pipe()
        blocks = child.Blocks(memory, SLOTS, ROWS, out, cast("BufferedReader", Waiting()))
        blocks.rows = rows
        try:
            child.read(request, blocks)
        finally:
            os.close(out)
            with os.fdopen(inward) as lines:
                self.lines: list[dict[str, Any]] = [json.loads(line) for line in lines]
            with mmap.mmap(memory, size) as words:
                self.words = words[:]
            os.close(memory)


def said(child: Any, folders: list[str], scratch: Path) -> list[dict[str, Any]]:  # noqa: ANN401
    return Answer(child, folders, scratch).lines


def test_what_is_said_of_a_trace(child: Any, tmp_path: Path) -> None:  # noqa: ANN401
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS), Packet([(0, 9, ("c",))], 1, discarded=5)]])
    first, last = said(child, [folder], tmp_path)
    assert first["notes"] == []
    assert first["span"][1] - first["span"][0] == 8
    assert (last["slot"], last["rows"], last["seen"], last["other"]) == (0, 4, 6, 2)
    assert last["words"] == ["a", "b", "text", "c"]
    assert [described["name"] for described in last["classes"]] == ["qemu:pflash_reset", "qemu:pflash_write"]
    assert last["losses"] == [[5, 3, 5]]


_NAMES = ["pflash_reset", "pflash_write", "pflash_io_write", "pflash_io_read", "pflash_fly", "sched_switch"]
_KINDS = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "str"]
_MEMBERS = ["name", "str", "offset", "size", "value", "wcycle", "vpid", "vtid", "pid", "tid"]


def values(kind: str) -> st.SearchStrategy[int | str]:
    if kind == "str":
        return st.sampled_from(["", "a", "b", "virt.flash0", "virt.flash1"])
    bits = int(kind[1:]) - (kind[0] == "i")
    return st.integers(-(1 << bits) if kind[0] == "i" else 0, (1 << bits) - 1)


@st.composite
def traces(draw: st.DrawFn) -> tuple[list[EventType], dict[str, str], list[list[Packet]]]:
    """Event types, their common context, and the packets of each stream."""
    structures = st.dictionaries(st.sampled_from(_MEMBERS), st.sampled_from(_KINDS), max_size=7)
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=5, unique=True))
    types = [EventType(f"qemu:{name}", draw(structures), draw(structures)) for name in names]
    common = draw(structures)

    def event(time: int) -> tuple[int, int, Values]:
        number = draw(st.integers(0, len(types) - 1))
        kinds = [*common.values(), *types[number].context.values(), *types[number].fields.values()]
        return number, time, [draw(values(kind)) for kind in kinds]

    streams = []
    for _ in range(draw(st.integers(1, 2))):
        times = sorted(draw(st.lists(st.integers(0, 1000), min_size=1, max_size=40)))
        cut = draw(st.integers(1, len(times)))
        parts = [part for part in (times[:cut], times[cut:]) if part]
        lost = draw(st.integers(0, 9))
        streams.append([Packet([event(time) for time in part], at, at * lost) for at, part in enumerate(parts)])
    return types, common, streams


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trace=traces())
@pytest.mark.slow
def test_compiled_and_plain_say_the_same_of_any_trace(
    trace: tuple[list[EventType], dict[str, str], list[list[Packet]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    needed_kernels()
    types, common, streams = trace
    scratch = tmp_path_factory.mktemp("trace")
    folder = write_trace(scratch / "trace", types, streams, common=common)
    compiled, pure = (Answer(child, [folder], scratch) for child in forms().values())
    assert compiled.lines == pure.lines
    assert compiled.words == pure.words
    assert pure.lines[-1]["seen"] >= sum(len(packet.events) for stream in streams for packet in stream)


def test_what_the_loop_raises_is_raised_and_never_leaves_what_the_library_called(
    child: Any,  # noqa: ANN401
    tmp_path: Path,
) -> None:
    """The block is smaller than the loop was told, so that it writes beyond its end."""
    packet = Packet([(0, time, ("a",)) for time in range(ROWS * COLUMNS)])
    folder = write_trace(tmp_path / "trace", TYPES, [[packet]])
    with pytest.raises(IndexError):
        Answer(child, [folder], tmp_path, rows=ROWS * COLUMNS)


def test_a_trace_with_a_cut_stream_is_saved(child: Any, tmp_path: Path) -> None:  # noqa: ANN401
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS)], [Packet(EVENTS)]])
    stream = tmp_path / "trace" / "ch_1"
    os.truncate(stream, stream.stat().st_size - 1)
    first, block = said(child, [folder], tmp_path)
    assert first["notes"][0].startswith("stream ch_1 is cut at byte ")
    assert block["rows"] == 5


def test_a_trace_of_which_nothing_can_be_read(child: Any, tmp_path: Path) -> None:  # noqa: ANN401
    folder = write_trace(tmp_path / "trace", TYPES, [[Packet(EVENTS)]])
    (tmp_path / "trace" / "metadata").write_text("/* CTF 1.8 */ trace {")
    with pytest.raises(child.BabeltraceError, match="Cannot create trace"):
        said(child, [folder], tmp_path)


def test_there_is_room_for_the_fields_of_every_event() -> None:
    variants = [variant for known in layouts().values() for variant in known]
    assert max(named + len(fields) for _, named, fields in variants) <= MAX_FIELDS


@pytest.mark.parametrize("name", ["compiled", "plain"])
def test_what_the_loop_does_not_call_has_no_place_for_an_address(name: str) -> None:
    bind = plain("tracetool.babeltrace.kernel").bind if name == "plain" else kernel.bind
    with pytest.raises(KeyError, match="bt_graph_run"):
        bind({"bt_graph_run": 1})


def run_python(code: str, **environment: str) -> list[str]:
    """The words that some code prints, started as the process that reads is."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_process_loads_nothing_else_of_the_programs_and_nothing_heavy() -> None:
    code = "import tracetool.babeltrace.child; print(*sys.modules)"
    loaded = set(run_python(code))
    assert not loaded & {"polars", "numpy", "importlib.resources", "tempfile", "subprocess", "pathlib"}
    ours = {name for name in loaded if name.partition(".")[0] in ("replay", "tracetool")}
    assert {name for name in ours if not name.startswith("tracetool.babeltrace")} == {
        "replay",
        "replay.kernel_form",
        "tracetool",
    }


def test_the_process_runs_the_sources_where_that_is_asked_for() -> None:
    code = "from tracetool.babeltrace import kernel, sink; print(kernel.__file__, sink.consume.__module__)"
    file, module = run_python(code, PFLASH_TRACETOOL_KERNELS="plain")
    assert (file.rpartition("/")[2], module) == ("kernel.py", "tracetool.babeltrace.kernel")
