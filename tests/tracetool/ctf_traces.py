"""CTF traces made for tests: metadata as text, and streams of packets.

Ref: CTF 1.8.3, 6 (events), 7 (metadata).
"""

from __future__ import annotations

import io
import struct
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.captures import capture_path
from tests.requirements import needed_library
from tracetool.compression import zstd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["EventType", "Packet", "capture", "needed_babeltrace", "stream_of", "write_trace"]

HEADER = struct.Struct("II")
CONTEXT = struct.Struct("QQQQQQ")
MAGIC = 0xC1FC1FC1
EPOCH_S = 1_700_000_000

_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i8": "b", "i16": "h", "i32": "i", "i64": "q"}

_METADATA = """/* CTF 1.8 */
trace {{
  major = 1; minor = 8; byte_order = {order};
  packet.header := struct {{ {u32} magic; {u32} stream_id; }};
}};
clock {{ name = test; freq = 1000000000; offset_s = {epoch}; absolute = {absolute}; }};
stream {{
  id = 0;
  packet.context := struct {{
    {u64} timestamp_begin; {u64} timestamp_end; {u64} content_size; {u64} packet_size; {u64} packet_seq_num;
    {u64} events_discarded;
  }};
  event.header := struct {{ {u16} id; integer {{ size = 64; align = 8; map = clock.test.value; }} timestamp; }};
  {context}
}};
"""

_EVENT = """event {{ id = {id}; stream_id = 0; name = "{name}"; {context} fields := struct {{ {fields} }}; }};
"""


@dataclass(frozen=True)
class EventType:
    """An event of the trace: its name, and its fields with their types: u8 to u64, i8 to i64, or str."""

    name: str
    fields: dict[str, str]
    context: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Packet:
    """Events in a packet: for each its type's place, its time, and its values: of contexts, then of fields.

    Attributes:
        events: those.
        number: of the packet in its stream.
        discarded: events lost in the stream so far.
    """

    events: Sequence[tuple[int, int, Sequence[int | str]]]
    number: int = 0
    discarded: int = 0


def needed_babeltrace() -> None:
    """Require libbabeltrace2."""
    needed_library("libbabeltrace2.so.0", "libbabeltrace2-0")


def _type(name: str) -> str:
    if name == "str":
        return "string"
    return f"integer {{ size = {name[1:]}; align = 8; signed = {str(name[0] == 'i').lower()}; }}"


def _struct(fields: dict[str, str]) -> str:
    return " ".join(f"{_type(kind)} {name};" for name, kind in fields.items())


def metadata_of(types: Sequence[EventType], common: dict[str, str], order: str, *, absolute: bool = True) -> str:
    words = {name: _type(name) for name in ("u16", "u32", "u64")}
    context = f"event.context := struct {{ {_struct(common)} }};" if common else ""
    text = _METADATA.format(
        **words, order="le" if order == "<" else "be", epoch=EPOCH_S, absolute=str(absolute).lower(), context=context
    )
    for number, event in enumerate(types):
        own = f"context := struct {{ {_struct(event.context)} }};" if event.context else ""
        text += _EVENT.format(id=number, name=event.name, context=own, fields=_struct(event.fields))
    return text


def _value(kind: str, value: int | str, order: str) -> bytes:
    if isinstance(value, str):
        return value.encode() + b"\0"
    return struct.pack(order + _CODES[kind], value)


def stream_of(packets: Sequence[Packet], types: Sequence[EventType], common: dict[str, str], order: str) -> bytes:
    """The bytes of a stream."""
    stream = b""
    for packet in packets:
        body = b""
        for number, time, values in packet.events:
            kinds = [*common.values(), *types[number].context.values(), *types[number].fields.values()]
            body += struct.pack(order + "HQ", number, time)
            body += b"".join(_value(kind, value, order) for kind, value in zip(kinds, values, strict=True))
        times = [time for _, time, _ in packet.events] or [0]
        bits = (HEADER.size + CONTEXT.size + len(body)) * 8
        stream += struct.pack(order + HEADER.format, MAGIC, 0)
        stream += struct.pack(
            order + CONTEXT.format, min(times), max(times), bits, bits, packet.number, packet.discarded
        )
        stream += body
    return stream


def write_trace(
    folder: Path,
    types: Sequence[EventType],
    streams: Sequence[Sequence[Packet]],
    *,
    common: dict[str, str] | None = None,
    order: str = "<",
    absolute: bool = True,
) -> str:
    """Write a trace and return its folder, which is created.

    Args:
        folder: where to.
        types: of its events.
        streams: the packets of each.
        common: the context that every event has.
        order: byte order, as `struct` has it.
        absolute: whether the clock counts from the Unix epoch.
    """
    folder.mkdir(parents=True)
    folder.joinpath("metadata").write_text(metadata_of(types, common or {}, order, absolute=absolute))
    for number, packets in enumerate(streams):
        folder.joinpath(f"ch_{number}").write_bytes(stream_of(packets, types, common or {}, order))
    return str(folder)


SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""How archives of our own are unpacked: Python 3.11.2 knows no filters, later ones warn where none is named."""


def capture(name: str, folder: Path) -> Path:
    """Unpack the CTF trace of a capture and return the directory of its streams."""
    with zstd.open(capture_path(f"{name}/ctf.tar.zst")) as packed:
        data = io.BytesIO(packed.read())
    with tarfile.open(fileobj=data) as archive:
        archive.extractall(folder, **SAFELY)  # noqa: S202  a capture of our own
    return next(folder.rglob("metadata")).parent
