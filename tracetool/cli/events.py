"""`tracetool events`: the canonical events."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from tracetool.cli import common, following, options
from tracetool.cli.command import command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

T = TypeVar("T")


@command()
@options.traces
@options.where
@options.table_format
@following.follow
@options.output
@options.device
@options.process
@options.boot
@options.reading_options
def events(
    *,
    traces: list[str],
    where: str | None,
    output_format: str,
    follow: bool,
    output: str | None,
    device: str | None,
    process: tuple[int, ...],
    boot: str | None,
    reading: common.Reading,
) -> int:
    """Write the pflash events of traces, every one with its number, whichever way they were recorded."""
    from tracetool.cli.output import goes_to_a_file, open_output
    from tracetool.ingest.concatenated import described
    from tracetool.ingest.foreign import require_events
    from tracetool.library.inputs import warn_of_damage
    from tracetool.library.keywords import parse_where
    from tracetool.report.frames import write_frames
    from tracetool.timeline.touched import FOUND, OF_OPERATIONS

    common.check_table_format(output_format, output)
    query = parse_where(where, "events")
    # Rows that appear on the terminal as they are read, or in a pager there, are progress enough.
    bar = output is not None or goes_to_a_file()
    chosen = {"process": process, "boot": boot}
    asked = query.columns if query is not None else frozenset()
    audited = not asked.isdisjoint(FOUND)
    by_operation = audited or not asked.isdisjoint(OF_OPERATIONS)
    if follow and (by_operation or output_format == "parquet"):
        raise UsageError("--follow writes events as they come: in rows, and not by what became of their operations")
    with ExitStack() as stack:
        control = stack.enter_context(following.following()) if follow else None
        opened = common.opened(traces, reading, chosen, following=control, bar=bar, outputs=[output])
        trace, file = stack.enter_context(opened), stack.enter_context(open_output(output))
        frames = trace.chunks_with_operations(audited=audited) if by_operation else trace.chunks()
        count = write_frames(
            _flushed(frames, file) if follow else frames,
            output_format,
            file,
            device=device,
            query=query,
            describe=lambda: described(trace.readers),
            several=len(trace.readers) > 1,
        )
        # Inside, so that a file of that name stays what it was.
        require_events(trace.readers, sum(reader.health.events for reader in trace.readers))
        if not count and query is None:
            raise UsageError(f"no event of a device {device!r} in the trace")
    warn_of_damage(trace.readers)
    return following.INTERRUPTED if control is not None and control.interrupted else 0


def _flushed(frames: Iterator[T], file: BinaryIO) -> Iterator[T]:
    """The frames; what was written of one is shown before the next is waited for."""
    for frame in frames:
        yield frame
        file.flush()
