"""The worst that a power cut costs in each stretch of a trace; apart from the survey, whose frame is all it takes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tracetool.analysis.tolls import Toll

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import ArrayLike

__all__ = ["CutRibbon"]

_TOLLS: tuple[Toll | None, ...] = (*Toll, None)


class CutRibbon:
    """Tolls of commits in their order.

    Args:
        tolls: a frame of `tracetool.analysis.cut_survey.TOLLS_SCHEMA`.

    Attributes:
        events: trace and seq of each commit.
        times: of each commit in nanoseconds, never falling; None where one is not known, or several clocks made them.
    """

    def __init__(self, tolls: pl.DataFrame) -> None:
        self.events: list[tuple[int, int]] = list(tolls.select("trace", "seq").iter_rows())
        self._worst, self._after = (
            np.array([_TOLLS.index(toll and Toll(toll)) for toll in tolls[name]], dtype=np.int64)
            for name in ("toll", "toll_after")
        )
        times = tolls["time_ns"].cum_max().forward_fill().drop_nulls()
        one_clock = tolls["trace"].n_unique() == 1 and len(times) == len(tolls) and times[0] < times[-1]
        self.times = times.to_numpy() if one_clock else None

    def __len__(self) -> int:
        return len(self.events)

    def worst_at(self, number: int) -> Toll | None:
        """The worst that a cut before, inside or after a commit costs."""
        return _TOLLS[int(self._worst[number])]

    def after(self, number: int) -> Toll | None:
        """What a cut after a commit costs, until the next one."""
        return _TOLLS[int(self._after[number])]

    def costly(self, *, least: Toll) -> list[int]:
        """Numbers of the commits at which a cut costs this or worse."""
        found: list[int] = np.flatnonzero(self._worst <= _TOLLS.index(least)).tolist()
        return found

    def worst_number(self, start: int, end: int) -> int:
        """Number of the worst of some commits."""
        return start + int(self._worst[start:end].argmin())

    @staticmethod
    def spans(positions: ArrayLike, bounds: Sequence[int]) -> list[tuple[int, int]]:
        """The commits from each bound up to the next, as ranges of their numbers; `positions` has one a commit."""
        return list(pairwise(np.searchsorted(np.asarray(positions), bounds).tolist()))

    def worst(self, spans: Sequence[tuple[int, int]], *, lasting: bool) -> list[Toll | None]:
        """The worst toll of each range of commits; `lasting`: what the commit before left lasts until its first."""
        found = []
        for start, end in spans:
            worst = int(self._worst[start:end].min(initial=len(_TOLLS) - 1))
            if lasting and start:
                worst = min(worst, int(self._after[start - 1]))
            found.append(_TOLLS[worst])
        return found
