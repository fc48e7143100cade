"""Traces of the simple backend, written from the format's description, independently of the program."""

from __future__ import annotations

import struct
from typing import Literal

MAGIC = (0xFFFFFFFFFFFFFFFF, 0xF2B177CB0AA429B4)
LOST = 0xFFFFFFFFFFFFFFFE

Order = Literal["<", ">"]


class Simple:
    """A trace that grows record by record."""

    def __init__(self, order: Order = "<", version: int = 4) -> None:
        self.order = order
        self.data = struct.pack(f"{order}QQQ", *MAGIC, version)
        self.time = 1_000
        self._ids: dict[str, int] = {}

    def mapping(self, name: str, number: int | None = None) -> Simple:
        """Add a mapping record, which names an event."""
        number = self._ids.setdefault(name, len(self._ids)) if number is None else number
        self._ids[name] = number
        raw = name.encode()
        self.data += struct.pack(f"{self.order}QQI", 0, number, len(raw)) + raw
        return self

    def event(self, name: str, *arguments: int | str | bytes, thread: int = 77, time: int | None = None) -> Simple:
        """Add an event, after a mapping record for a new name."""
        if name not in self._ids:
            self.mapping(name)
        return self.record(self._ids[name], self.arguments(*arguments), thread, time)

    def record(self, number: int, arguments: bytes, thread: int = 77, time: int | None = None) -> Simple:
        """Add an event record."""
        self.time += 10
        when = self.time if time is None else time
        self.data += struct.pack(f"{self.order}QQQII", 1, number, when, 24 + len(arguments), thread) + arguments
        return self

    def lost(self, count: int) -> Simple:
        """Add a record of lost events."""
        return self.record(LOST, struct.pack(f"{self.order}Q", count))

    def arguments(self, *arguments: int | str | bytes) -> bytes:
        """Arguments as the backend records them."""
        return b"".join(map(self._argument, arguments))

    def _argument(self, argument: int | str | bytes) -> bytes:
        if isinstance(argument, int):
            return struct.pack(f"{self.order}Q", argument & (1 << 64) - 1)
        raw = argument.encode() if isinstance(argument, str) else argument
        return struct.pack(f"{self.order}I", len(raw)) + raw

    def write(self, value: int, offset: int = 0, device: str = "virt.flash1", wcycle: int = 0) -> Simple:
        """Add a bus write of four bytes."""
        return self.event("pflash_io_write", device, offset, 4, value, wcycle)
