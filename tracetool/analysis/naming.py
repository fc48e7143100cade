"""Names of devices in a trace of several processes, as they are shown and as options spell them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import polars as pl

from tracetool.analysis.options import MARKS, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracetool.analysis.options import Options

__all__ = ["SHOWN_NAME", "UNKNOWN", "Key", "ambiguous", "events_of", "is_of", "key_of", "options_of", "shown_name"]

T = TypeVar("T")

SHOWN_NAME = "{} (pid {})"
UNKNOWN = "unknown"
"""Process of events that name none, beside others that do."""

_PROCESS = re.compile(r" \(pid (\d+|unknown)\)\Z|@(\d+)\Z", re.ASCII)


class Key(NamedTuple):
    """A device of one process; `process` None: the format does not say which, or each trace has just one."""

    device: str
    process: int | None = None

    @property
    def spellings(self) -> tuple[str, str]:
        """Spellings in options: as shown, and shorter."""
        return shown_name(self), f"{self.device}@{self.process}"


def shown_name(key: Key) -> str:
    """The name of a device where the trace holds several processes: `virt.flash1 (pid 4812)`."""
    return SHOWN_NAME.format(key.device, UNKNOWN if key.process is None else key.process)


def key_of(name: str) -> Key:
    """The device with this shown name or spelling."""
    match = _PROCESS.search(name)
    if match is None:
        return Key(name)
    number = match[1] or match[2]
    return Key(name[: match.start()], None if number == UNKNOWN else int(number))


def is_of(name: str, key: Key) -> bool:
    """True when an option's name means the device; without a process it means that of every process."""
    return name == key.device or name in key.spellings


def events_of(name: str) -> pl.Expr:
    """True for events (`EVENTS_SCHEMA`) of the device that an option names."""
    key, device = key_of(name), pl.col("device").cast(pl.String)
    named = device == name
    return named if key.process is None else named | ((device == key.device) & (pl.col("process") == key.process))


def options_of(options: Options, key: Key) -> Options:
    """The options of one device, by its name without the process."""

    def own(values: Mapping[str, T]) -> dict[str, T]:
        name = next((name for name in key.spellings if name in values), None)
        return dict(values) if name is None else {**values, key.device: values[name]}

    def marked(names: frozenset[str]) -> frozenset[str]:
        return names if names.isdisjoint(key.spellings) else names | {key.device}

    changed: dict[str, Any] = {field: own(getattr(options, field)) for field in VALUES.values()}
    changed |= {field: marked(getattr(options, field)) for field in MARKS.values()}
    return replace(options, **changed)


def ambiguous(options: Options, keys: Iterable[Key]) -> tuple[str, str] | None:
    """The first option, and its device, that names a device of several processes; None for none."""
    devices = [key.device for key in keys]
    several = {device for device in devices if devices.count(device) > 1}
    named = ((option, name) for option, field in (VALUES | MARKS).items() for name in getattr(options, field))
    return next(((option, name) for option, name in named if name in several), None)
