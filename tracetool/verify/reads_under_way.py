"""Reads of a CFI02 device that were under way while its timer gave the array back to direct reads.

On a running machine such a read still reaches the device, and leaves events. Driven again, it comes after the timer,
and leaves none.
"""

from __future__ import annotations

import polars as pl

__all__ = ["ReadsUnderWay"]

_OF_THE_TIMER = ("erase_complete", "mode_read_array", "idle")
_OF_A_READ = ("data_read", "read_status", "read_done", "io_read")


class ReadsUnderWay:
    """Recognises them in the events of one device, chunk by chunk; `count` is their number so far."""

    def __init__(self) -> None:
        self.count = 0
        self._input = ""
        self._direct = False

    def removed(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events without those of such reads.

        They are the reads between the end of a timer that returned to read array and the next input.
        """
        if events.is_empty():
            return events
        event = pl.col("event").cast(pl.String)
        is_input = ~event.is_in([*_OF_THE_TIMER, *_OF_A_READ])
        marked = events.select(
            pl.when(is_input).then(event).forward_fill().fill_null(self._input).alias("input"),
            pl.when(is_input)
            .then(statement=False)
            .when(event == "mode_read_array")
            .then(statement=True)
            .forward_fill()
            .fill_null(self._direct)
            .alias("direct"),
            event.is_in(_OF_A_READ).alias("of_read"),
            (event == "io_read").alias("read"),
        )
        self._input, self._direct = marked["input"][-1], marked["direct"][-1]
        gone = (marked["input"] == "timer_expired") & marked["direct"] & marked["of_read"]
        self.count += int((gone & marked["read"]).sum())
        return events.filter(~gone)
