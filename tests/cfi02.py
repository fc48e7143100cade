"""Recorded runs of CFI02 devices, with what is known of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.command_set import CommandSet
from replay.geometry import Geometry, Region
from tests.captures import capture_path
from tracetool.images import load_image
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["RUNS", "Run", "recorded"]

RUNS = ("zynq-u-boot", "tour", "tour-5.2", "musicpal-boot-sectors", "r2d", "ref405ep", "canon-read-only")


@dataclass(frozen=True)
class Run:
    """One run: its device, and whether its release logs `reset` for given-up commands alone."""

    name: str
    geometry: Geometry
    read_only: bool
    quiet: bool
    resets: int
    board_device: str

    @property
    def log(self) -> Path:
        """The trace."""
        return capture_path(f"cfi02/{self.name}.log.zst")

    def image(self, moment: str) -> NDArray[np.uint8]:
        """The image file `before` or `after` the run."""
        return np.asarray(load_image(capture_path(f"cfi02/{self.name}.{moment}.fd.zst"), limit=self.geometry.size))

    def events(self) -> pl.DataFrame:
        """All events, a frame of `EVENTS_SCHEMA`."""
        return pl.concat(open_trace(str(self.log)).chunks())


def recorded(name: str) -> Run:
    """A run by its name, as the manifest of the captures describes it."""
    told = json.loads(capture_path("cfi02/manifest.json").read_text())[name]
    regions = tuple(Region(*region) for region in told["regions"])
    geometry = Geometry(
        told["size"],
        min(region.sector for region in regions),
        told["width"],
        endian="big" if told["big_endian"] else "little",
        ids=tuple(told["ids"]),
        command_set=CommandSet.CFI02,
        layout=regions if len(regions) > 1 else (),
    )
    quiet = not told.get("names", True)
    return Run(name, geometry, told["read_only"], quiet, told["device_resets"], told["board_device"])
