from __future__ import annotations

from collections import Counter, defaultdict
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from vcd.reader import TokenKind, tokenize

from replay.cfi import Opcode
from tests.captures import ROOT
from tests.tracetool.export.support import Frames, exported, made
from tests.tracetool.traces import reader
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.errors import UsageError
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_BOOT = str(ROOT / "samples" / "aavmf-first-boot" / "trace.log.zst")

Access = tuple[int, str, dict[str, Any]]


def accesses(data: bytes) -> Iterator[Access]:
    """When, which device, and the signals as they stand at each access."""
    scopes: list[str] = []
    variables: dict[str, tuple[str, str]] = {}
    values: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    now = -1
    pending: Access | None = None
    for token in tokenize(BytesIO(data)):
        if token.kind is TokenKind.SCOPE:
            scopes.append(token.scope.ident)
        elif token.kind is TokenKind.UPSCOPE:
            scopes.pop()
        elif token.kind is TokenKind.VAR:
            variables[token.var.id_code] = (".".join(scopes), token.var.reference)
        elif token.kind is TokenKind.CHANGE_TIME:
            assert token.time_change > now
            if pending:
                yield pending[0], pending[1], dict(values[pending[1]])
            now, pending = token.time_change, None
        elif token.kind in (TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR):
            change = token.data
            device, name = variables[change.id_code]  # type: ignore[union-attr]
            if name == "access":
                assert pending is None, "two accesses at one time"
                pending = (now, device, {})
            else:
                value = change.value  # type: ignore[union-attr]
                values[device][name] = int(value, 2) if isinstance(value, str) and set(value) <= {"0", "1"} else value
    if pending:
        yield pending[0], pending[1], dict(values[pending[1]])


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    frame = pl.concat(open_trace(FIRST_BOOT).chunks())
    return frame.filter(pl.col("event").cast(pl.String).is_in(["io_read", "io_write"]))


@pytest.fixture(scope="module")
def shown() -> list[Access]:
    return list(accesses(exported(open_trace(FIRST_BOOT, chunk_bytes=100_000), "vcd").data))


@pytest.mark.slow
def test_every_access_stands_there_with_its_signals(shown: list[Access], events: pl.DataFrame) -> None:
    signals = [
        (device, values["address"], values["data"], values["size"], values["write"], values["wcycle"])
        for _, device, values in shown
    ]
    assert signals == [
        (row["device"], row["offset"], row["value"], row["size"], row["event"] == "io_write", row["wcycle"])
        for row in events.iter_rows(named=True)
    ]


def test_times_are_those_since_the_first_event(shown: list[Access], events: pl.DataFrame) -> None:
    start = open_trace(FIRST_BOOT).chunks().__next__()["time_ns"][0]
    for (time, *_), at in zip(shown, events["time_ns"].to_list(), strict=True):
        assert 0 <= time - (at - start) < 1000  # those of one microsecond stand apart


def test_accesses_are_as_many_as_the_timeline_s(shown: list[Access]) -> None:
    operations = replay_readers([open_trace(FIRST_BOOT)], Options(keep_operations=True)).operations()
    counts = operations.group_by("device").agg(pl.col("accesses").sum()).rows()
    assert Counter(device for _, device, _ in shown) == dict(counts)


def test_commands_are_the_operations_of_the_timeline(shown: list[Access]) -> None:
    operations = replay_readers([open_trace(FIRST_BOOT)], Options(keep_operations=True)).operations()
    first = [v for _, device, v in shown if device == "virt.flash1" and v["write"] and v["wcycle"] == 0]
    for kind, opcode in (("erase", Opcode.BLOCK_ERASE), ("buffered-program", Opcode.BUFFERED_PROGRAM)):
        begun = sum(values["data"] & 0xFF == opcode for values in first)
        assert begun == operations.filter(pl.col("kind") == kind).height


def test_a_read_shows_the_command_and_the_status_it_got(shown: list[Access], events: pl.DataFrame) -> None:
    rows = list(zip(shown, events.iter_rows(named=True), strict=True))
    reads = [(values, row) for (_, _, values), row in rows if row["event"] == "io_read"]
    assert [values["command"] for values, _ in reads] == [row["cmd"] for _, row in reads]
    polls = [(values, row) for values, row in reads if row["cmd"] == Opcode.READ_STATUS]
    assert polls
    assert all(values["status"] == row["value"] & 0xFF for values, row in polls)


WRITE = {"event": "io_write", "device": "f", "offset": 0, "size": 4, "value": 0xFF, "wcycle": 0}


def test_accesses_without_times_are_numbered() -> None:
    data, remarks = exported(Frames([made([WRITE] * 3)]), "vcd")
    assert [time for time, *_ in accesses(data)] == [0, 1, 2]
    assert remarks == ["the trace has no times: each event is a nanosecond after the one before"]


def test_a_clock_that_was_set_back_goes_on() -> None:
    times = [500, None, 700, 100, 150]
    data, remarks = exported(Frames([made([WRITE | {"time_ns": time} for time in times])]), "vcd")
    assert [time for time, *_ in accesses(data)] == [0, 1, 200, 201, 250]
    assert remarks == [
        "1 times are not known; those of the events before are taken",
        "the trace's clock was set back 1 times; here it goes on from where it was",
    ]


def test_names_that_vcd_cannot_hold_are_changed_and_kept_apart() -> None:
    devices = ["a b", "a_b", "é $end", "ü $end"]
    data, _ = exported(Frames([made([WRITE | {"device": device} for device in devices])]), "vcd")
    assert [device for _, device, _ in accesses(data)] == ["a_b", "a_b_2", "__$end", "__$end_2"]


def test_accesses_without_a_value_show_none() -> None:
    row = {"event": "outer_write", "device": "f", "offset": 0xC0000, "size": 4}
    (found,) = accesses(exported(Frames([made([row])]), "vcd").data)
    assert found == (
        0,
        "f",
        {"address": 0xC0000, "data": "x", "size": 4, "write": 1, "command": "x", "wcycle": "x", "status": "x"},
    )


def test_a_stream_cannot_be_read_twice() -> None:
    with pytest.raises(UsageError, match="needs a file to read twice"):
        exported(reader("pflash_reset a: reset\n", stream=True), "vcd")
