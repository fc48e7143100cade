"""The places where the operations of a fleet's runs part; one run of each cluster is read again."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tracetool.errors import TracetoolError
from tracetool.fleet.differences import forks, steps_of
from tracetool.library.fleet import opened
from tracetool.library.inputs import LOGGER
from tracetool.library.remote_runs import fetched, is_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    import polars as pl

    from tracetool.fleet.differences import Fork, Step

    Steps = dict[str, list[Step]]

__all__ = ["MOST_COMPARED", "find_forks"]

MOST_COMPARED = 16
"""Clusters of a firmware that are compared, the most common first."""


def find_forks(clusters: pl.DataFrame, options: Mapping[str, Any], executor: Executor | None = None) -> Iterator[Fork]:
    """Compare the operations of the clusters (`Fleet.clusters`) of each firmware, all at once.

    Runs that can no longer be read are passed over, and logged.
    """
    for (firmware,), alike in clusters.group_by("firmware", maintain_order=True):
        if alike.height > 1:
            names = alike["run"].head(MOST_COMPARED).to_list()
            found = {name: steps for name, steps in _read(names, options, executor) if steps is not None}
            for name in names:
                if name not in found:
                    LOGGER.warning("%s: cannot be read any more, so it is not compared", name)
            for device in dict.fromkeys(device for steps in found.values() for device in steps):
                runs = [(name, steps.get(device, [])) for name, steps in found.items()]
                yield from forks(firmware, device, runs)


def _read(
    names: Sequence[str], options: Mapping[str, Any], executor: Executor | None
) -> Iterator[tuple[str, Steps | None]]:
    if executor is None:
        yield from ((name, steps_of_run(name, options)) for name in names)
        return
    futures = [executor.submit(steps_of_run, name, options) for name in names]
    yield from ((name, future.result()) for name, future in zip(names, futures, strict=True))


def steps_of_run(path: str, options: Mapping[str, Any]) -> Steps | None:
    """The operations of a run by device; None where it cannot be read."""
    try:
        with fetched(path) if is_url(path) else nullcontext(path) as local:
            return steps_of(opened(local, options).replay(keep_operations=True).operations())
    except TracetoolError:
        return None
