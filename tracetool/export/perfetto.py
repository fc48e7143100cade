"""A Perfetto trace: each flash a track, each operation a slice on it, wear and changed bytes as counters.

Where the guest's code is known each module that asked for operations has a track below the flash's, with its own.

Open it at ui.perfetto.dev. Times are those of the trace in nanoseconds, whatever its clock.

Ref: https://perfetto.dev/docs/reference/synthetic-track-event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import polars as pl
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import (  # type: ignore[import-untyped]
    CounterDescriptor,
    TrackEvent,
)
from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder  # type: ignore[import-untyped]

from tracetool.analysis.session import replay_readers
from tracetool.export.clock import Clock
from tracetool.export.formats import ExportFormat
from tracetool.timeline.code import CODE

if TYPE_CHECKING:
    from tracetool.analysis.session import Replayed
    from tracetool.export.job import Job

__all__ = ["FORMAT"]

_SEQUENCE = 1
_FIRST_MODULE = 1 << 32
"""First identifier of a module's track; those of devices are lower."""
_HEX = ("offset", "command_offset", "status", "pc")
_ARGUMENTS = (
    "kind",
    "outcome",
    "offset",
    "length",
    "block",
    "command_offset",
    "bytes_changed",
    "bits_set_without_erase",
    "first_seq",
    "last_seq",
    "boot",
    "status",
    "accesses",
    *CODE,
)


class _Track(NamedTuple):
    """The identifiers of a device's tracks; any numbers but 0 that differ."""

    operations: int
    erases: int
    changed: int


def write(job: Job, file: BinaryIO) -> list[str]:
    """Replay the job's trace and write its operations."""
    replayed = replay_readers([job.reader], job.options)
    job.seen = job.events = sum(trace.events for trace in replayed.traces)
    operations = replayed.operations()
    clock = Clock(timed=operations["time_ns"].null_count() < operations.height)
    output = _Output(file)
    for number, device in enumerate(replayed.devices):
        output.declare(device, _Track(*(8 * number + at for at in (1, 2, 3))))
    output.declare_modules(operations)
    for row in _moments(operations, clock).iter_rows(named=True):
        output.add(row)
    return [*clock.remarks(), *_silent(replayed), *job.untold_losses()]


FORMAT = ExportFormat("perfetto", (".pftrace", ".perfetto-trace", ".perfetto"), write, binary=True, replays=True)


def _silent(replayed: Replayed) -> list[str]:
    return [
        f"{name} was not replayed, so it has no operations; give --board or --geometry"
        for name, device in replayed.devices.items()
        if device.machine is None
    ]


def _moments(operations: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    """The beginnings and ends of the operations of all devices in the trace's order, with `at` in nanoseconds."""
    ends = operations.with_columns(
        ends=pl.lit(value=True), seq=pl.col("last_seq"), when=pl.col("time_ns") + pl.col("duration_ns")
    )
    begins = operations.with_columns(ends=pl.lit(value=False), seq=pl.col("first_seq"), when=pl.col("time_ns"))
    moments = pl.concat([begins, ends]).sort("seq", "ends", maintain_order=True)
    at = clock.forward(moments["when"], moments["seq"]) + max(clock.start or 0, 0)
    return moments.with_columns(at=pl.Series(at, dtype=pl.Int64))


class _Output:
    """The file, and how far each counter has come."""

    def __init__(self, file: BinaryIO) -> None:
        self._builder = StreamingTraceProtoBuilder(file)
        self._tracks: dict[str, _Track] = {}
        self._modules: dict[tuple[str, str], int] = {}
        self._erases: dict[str, int] = {}
        self._changed: dict[str, int] = {}

    def declare(self, device: str, track: _Track) -> None:
        """Name the tracks of a device."""
        self._tracks[device] = track
        self._erases[device] = self._changed[device] = 0
        self._describe(track.operations, device)
        units = CounterDescriptor
        self._describe(track.erases, f"{device} erases", parent=track.operations, unit=units.UNIT_COUNT)
        self._describe(track.changed, f"{device} bytes changed", parent=track.operations, unit=units.UNIT_SIZE_BYTES)

    def declare_modules(self, operations: pl.DataFrame) -> None:
        """Name the tracks of the modules, below the devices that they were busy with."""
        found = operations.select(pl.col("device").cast(pl.String), "by").drop_nulls().unique(maintain_order=True)
        for number, (device, module) in enumerate(found.iter_rows()):
            self._modules[device, module] = _FIRST_MODULE + number
            self._describe(_FIRST_MODULE + number, module, parent=self._tracks[device].operations)

    def add(self, row: dict[str, Any]) -> None:
        """The beginning or the end of an operation."""
        device = row["device"]
        track, module = self._tracks[device], self._modules.get((device, row["by"]))
        if not row["ends"]:
            for uuid in (track.operations, module):
                self._begin(uuid, row)
            return
        for uuid in (track.operations, module):
            if uuid is not None:
                self._builder.write_packet(self._packet(uuid, row["at"], TrackEvent.TYPE_SLICE_END))
        if row["kind"] == "erase" and row["outcome"] == "done":
            self._erases[device] += 1
            self._count(track.erases, row["at"], self._erases[device])
        if row["bytes_changed"]:
            self._changed[device] += row["bytes_changed"]
            self._count(track.changed, row["at"], self._changed[device])

    def _describe(self, uuid: int, name: str, *, parent: int = 0, unit: int | None = None) -> None:
        packet = self._builder.create_packet()
        descriptor = packet.track_descriptor
        descriptor.uuid, descriptor.name = uuid, name
        if parent:
            descriptor.parent_uuid = parent
        if unit is not None:
            descriptor.counter.unit = unit
        packet.trusted_packet_sequence_id = _SEQUENCE
        self._builder.write_packet(packet)

    def _begin(self, uuid: int | None, row: dict[str, Any]) -> None:
        if uuid is None:
            return
        packet = self._packet(uuid, row["at"], TrackEvent.TYPE_SLICE_BEGIN)
        packet.track_event.name = row["kind"]
        packet.track_event.categories.append("flash")
        for name in _ARGUMENTS:
            value = row[name]
            if value is None:
                continue
            annotation = packet.track_event.debug_annotations.add()
            annotation.name = name
            if isinstance(value, str):
                annotation.string_value = value
            elif name in _HEX:
                annotation.pointer_value = value
            else:
                annotation.int_value = value
        self._builder.write_packet(packet)

    def _count(self, uuid: int, at: int, value: int) -> None:
        packet = self._packet(uuid, at, TrackEvent.TYPE_COUNTER)
        packet.track_event.counter_value = value
        self._builder.write_packet(packet)

    def _packet(self, uuid: int, at: int, kind: int) -> Any:  # noqa: ANN401  the package has no types
        packet = self._builder.create_packet()
        packet.timestamp = at
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.track_event.type = kind
        packet.track_event.track_uuid = uuid
        return packet
