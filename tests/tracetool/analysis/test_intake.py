"""What is held of a device until it is known what it is."""

from __future__ import annotations

import weakref

import numpy as np
import polars as pl

from tracetool.analysis.device import Device
from tracetool.analysis.intake import Intake
from tracetool.analysis.options import Options
from tracetool.events import EVENTS_SCHEMA


def test_events_that_are_held_do_not_keep_their_chunk_in_memory() -> None:
    """A flash that is hardly used would keep every chunk in which it occurs."""
    seqs = np.arange(1000)
    told = {"seq": pl.Series(seqs), "event": pl.Series(["reset"] * 1000, dtype=EVENTS_SCHEMA["event"])}
    chunk = pl.concat([EVENTS_SCHEMA.to_frame(), pl.DataFrame(told)], how="diagonal").with_columns(told["seq"])
    in_memory = weakref.ref(seqs)
    intake = Intake(Device("virt.flash0", Options()))
    intake.begin_trace(0)
    intake.feed(chunk[10:12])
    assert intake.device.current.events == 2
    del seqs, told, chunk
    assert in_memory() is None
