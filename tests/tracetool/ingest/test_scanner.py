"""The seam for a compiled scanner: whatever it takes, the frames are those of the parser alone."""

from __future__ import annotations

import re

import polars as pl
from hypothesis import given
from polars.testing import assert_frame_equal

from tests.tracetool.ingest.support import read_text
from tests.tracetool.ingest.test_properties import logs, mutated
from tests.tracetool.ingest.test_text import WRITE
from tracetool.events import EVENTS_SCHEMA
from tracetool.ingest.scanner import Scanned

BARE = re.compile(
    rb"pflash_io_write ([a-z0-9.]+): offset:0x([0-9a-f]{1,8}) size:([1-8]) value:0x([0-9a-f]{1,8}) wcycle:([0-9])"
)
COLUMNS = ("device", "offset", "size", "value", "wcycle")


class BareWrites:
    """Takes bare `io_write` lines of the usual form, and no others."""

    def scan(self, data: bytes) -> Scanned:
        """Take what matches, leave the rest."""
        rows: list[tuple[int, str, str, int, int, int, int]] = []
        left = []
        start = 0
        lines = data.split(b"\n")[:-1]
        for number, line in enumerate(lines):
            match = BARE.fullmatch(line)
            if match:
                device, offset, size, value, wcycle = match.groups()
                numbers = int(offset, 16), int(size), int(value, 16), int(wcycle)
                rows.append((number, "io_write", device.decode(), *numbers))
            else:
                left.append((number, start, start + len(line)))
            start += len(line) + 1
        schema: dict[str, pl.DataType | type[pl.DataType]] = {"line": pl.Int64, "event": EVENTS_SCHEMA["event"]}
        schema |= {name: EVENTS_SCHEMA[name] for name in COLUMNS}
        return Scanned(pl.DataFrame(rows, schema, orient="row"), left, len(lines), "bare", "none")


@given(logs | mutated())
def test_frames_are_equal_with_and_without_a_scanner(data: bytes) -> None:
    data = WRITE.encode() + b"\n" + data + b"\n" + WRITE.encode() + b"\n"
    for chunk_bytes in (90, 1 << 20):
        alone = read_text(data)
        scanned = read_text(data, chunk_bytes=chunk_bytes, scanner=BareWrites())
        assert_frame_equal(alone.frame, scanned.frame, categorical_as_str=True)
        assert alone.health == scanned.health
        assert alone.meta.shapes == scanned.meta.shapes
        assert (alone.meta.clock, alone.meta.nameless) == (scanned.meta.clock, scanned.meta.nameless)


def test_a_scanner_that_takes_every_line_leaves_nothing_to_the_parser() -> None:
    reading = read_text((WRITE + "\n").encode() * 5, scanner=BareWrites())
    assert (reading.health.understood, reading.frame["seq"].to_list()) == (5, [0, 1, 2, 3, 4])
