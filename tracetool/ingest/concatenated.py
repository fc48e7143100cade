"""Several traces read as one, with the losses of each: an exported file has to name them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.events import NAMELESS_DEVICE, OPENING
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.provenance import describe
from tracetool.ingest.trace_reader import COUNTS, FIRST_DAMAGED, PLACES, Health, LostPlace, TraceMeta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["ConcatenatedTraces", "described"]


class ConcatenatedTraces:
    """Traces one after the other, events and resets numbered on; see `TraceReader`.

    They are boots of one machine, so which process each boot was is left out. Where a trace that is not the first has
    no reset of a device before its other events, its beginning is lost: nothing else tells once they are one.

    Args:
        readers: the traces in order, at least one.
    """

    def __init__(self, readers: Sequence[TraceReader]) -> None:
        self._readers = readers
        self._gaps: dict[int, LostPlace] = {}
        """Traces without their beginning, by their place in the order."""
        self.rereadable = all(reader.rereadable for reader in readers)

    @property
    def meta(self) -> TraceMeta:
        """That of the first trace, with the names and clocks of all."""
        metas = [reader.meta for reader in self._readers]
        return replace(
            metas[0],
            name=", ".join(meta.name for meta in metas),
            nameless=any(meta.nameless for meta in metas),
            clocks=set().union(*(meta.clocks for meta in metas)),
        )

    @property
    def health(self) -> Health:
        """The healths of all traces, added up."""
        healths = [reader.health for reader in self._readers]
        for number, gap in self._gaps.items():
            healths[number] = replace(healths[number], lost_places=[*healths[number].lost_places, gap])
        return _joined(healths)

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        numbering, left_out = Numbering(trace), ["trace", "boot", "seq"]
        if len(self._readers) > 1:
            left_out.append("process")
        self._gaps.clear()
        known = set[str]()
        for number, reader in enumerate(self._readers):
            processes = set[int | None]()
            begun: dict[str, bool] = {}
            for frame in reader.chunks():
                begun = _begun(frame) | begun
                processes.update(frame["process"].unique())
                if "process" in left_out and len(processes) > 1:
                    raise UsageError(f"{reader.meta.name}: holds events of several QEMUs; export it by itself")
                yield numbering.apply(frame.drop(left_out))
            begun.pop(NAMELESS_DEVICE, None)
            if number and (begun.keys() != known or not all(begun.values())):
                self._gaps[number] = LostPlace(1, 0, 0)
            known |= begun.keys()


def _begun(frame: pl.DataFrame) -> dict[str, bool]:
    """Devices of a frame; True for one whose first event begins a run of QEMU."""
    first = frame.select("device", "event").unique("device", keep="first")
    return {device: event in OPENING for device, event in first.iter_rows()}


def described(readers: Sequence[TraceReader]) -> dict[str, str]:
    """The provenance of a file that holds all events of these traces, or is to be known as incomplete without them."""
    chain = ConcatenatedTraces(readers)
    health = chain.health
    return describe(chain.meta, health, health.events)


def _joined(healths: Sequence[Health]) -> Health:
    """The health of traces that are numbered on, one after the other; lines are counted in each of them."""
    joined = Health(**{name: sum(getattr(health, name) for health in healths) for name in COUNTS})
    base = 0
    for health in healths:
        joined.first_damaged += health.first_damaged
        joined.lost_places += [replace(place, seq=base + place.seq) for place in health.lost_places]
        joined.host_write_failures += [replace(place, seq=base + place.seq) for place in health.host_write_failures]
        joined.starts += [base + seq for seq in health.starts]
        joined.truncated = joined.truncated or health.truncated
        joined.unterminated = joined.unterminated or health.unterminated
        base += health.events
    del joined.first_damaged[FIRST_DAMAGED:], joined.lost_places[PLACES:], joined.host_write_failures[PLACES:]
    return joined
