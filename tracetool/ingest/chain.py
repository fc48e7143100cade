"""Several traces read as one: what is written to one file must say what each of them lost."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.ingest.chunk import FIRST_DAMAGED, PLACES, Health, TraceMeta
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.provenance import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from tracetool.ingest.chunk import TraceReader

__all__ = ["Chain", "described"]

_COUNTS = tuple(field.name for field in fields(Health) if field.type == "int")


class Chain:
    """Traces one after the other, events and resets numbered on; see `TraceReader`.

    They are boots of one machine, so which process each boot was is left out.

    Args:
        readers: the traces in order, at least one.
    """

    def __init__(self, readers: Sequence[TraceReader]) -> None:
        self._readers = readers
        self.rereadable = all(reader.rereadable for reader in readers)

    @property
    def meta(self) -> TraceMeta:
        """What the first of them is; their clocks together."""
        metas = [reader.meta for reader in self._readers]
        return replace(
            metas[0],
            name=", ".join(meta.name for meta in metas),
            nameless=any(meta.nameless for meta in metas),
            clocks=set().union(*(meta.clocks for meta in metas)),
        )

    @property
    def health(self) -> Health:
        """How well they could be read, all together."""
        return _joined([reader.health for reader in self._readers])

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        numbering, left_out = Numbering(trace), ["trace", "boot", "seq"]
        if len(self._readers) > 1:
            left_out.append("process")
        for reader in self._readers:
            processes = set[int | None]()
            for frame in reader.chunks():
                processes.update(frame["process"].unique())
                if "process" in left_out and len(processes) > 1:
                    raise UsageError(f"{reader.meta.name}: holds events of several QEMUs; export it by itself")
                yield numbering.apply(frame.drop(left_out))


def described(readers: Sequence[TraceReader]) -> dict[str, str]:
    """The provenance of a file that holds all events of these traces, or is to be known as incomplete without them."""
    chain = Chain(readers)
    health = chain.health
    return describe(chain.meta, health, health.events)


def _joined(healths: Sequence[Health]) -> Health:
    """The health of traces that are numbered on, one after the other; lines are counted in each of them."""
    joined = Health(**{name: sum(getattr(health, name) for health in healths) for name in _COUNTS})
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
