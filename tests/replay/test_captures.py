"""The second model beside recorded QEMUs: what it says of the machine is worth as much as this."""

from __future__ import annotations

import polars as pl
import pytest

from replay.backing import UPSTREAM, Backing, Policy
from replay.behaviour import Behaviour
from replay.boards import boards
from replay.columns import ABSENT_COUNTER, RowKind
from tests.captures import capture_path, image_facts, sha256
from tests.replay.programs import MACHINE_RESET, Access, Event
from tests.replay.reference import Reference
from tracetool.analysis.machine_rows import to_rows
from tracetool.images import load_image
from tracetool.ingest import open_trace

DEVICE = "virt.flash1"
REGION = 64 << 20
ACCESSES = (RowKind.IO_READ, RowKind.IO_WRITE, RowKind.OUTER_READ, RowKind.OUTER_WRITE, RowKind.RESET)


def _recorded(name: str) -> list[Event]:
    """Give the events of the writable flash, without the start of an RFC device."""
    reader = open_trace(str(capture_path(f"random-accesses/{name}.log.zst")))
    frames = [frame.filter(pl.col("device") == DEVICE) for frame in reader.chunks()]
    _, *columns, _, _ = (column.tolist() for column in to_rows(pl.concat(frames)))
    events = [Event(RowKind(kind), *rest) for kind, *rest in zip(*columns, strict=True)]
    return [event for event in events if event.kind != RowKind.REALIZE]


def _access(event: Event) -> Access:
    if event.kind == RowKind.RESET:
        return MACHINE_RESET
    if event.kind == RowKind.OUTER_WRITE:
        return Access(event.offset, event.size, 0)
    return Access(event.offset, event.size, event.value if event.kind == RowKind.IO_WRITE else None)


@pytest.mark.parametrize(
    ("name", "behaviour", "backing"),
    [
        ("f1a", Behaviour.DIRECT, UPSTREAM),
        ("f2a", Behaviour.STAGED_AT_COUNT, UPSTREAM),
        ("f3a", Behaviour.STAGED_AT_DATA, UPSTREAM),
        ("pw1p", Behaviour.STAGED_AT_COUNT, UPSTREAM),
        ("pw1o", Behaviour.STAGED_AT_COUNT, Backing(768 << 10, Policy.DISCARD)),
    ],
)
@pytest.mark.first_quick
def test_the_reference_logs_what_qemu_logged_and_leaves_its_file(
    name: str, behaviour: Behaviour, backing: Backing
) -> None:
    geometry = boards()["virt-arm"].geometry(DEVICE)
    assert geometry is not None
    recorded = _recorded(name)
    traced = {event.kind for event in recorded}
    counted = any(event.kind == RowKind.DATA_WRITE and event.counter != ABSENT_COUNTER for event in recorded)
    image = load_image(capture_path(f"random-accesses/{name}.before.fd.zst"), limit=REGION).tobytes()
    image += bytes(REGION - len(image))
    reference = Reference(geometry, behaviour, image=image, backing=backing, outer_events=True)
    predicted = []
    for access in (_access(event) for event in recorded if event.kind in ACCESSES):
        for event in reference.do(access):
            if event.kind == RowKind.DATA_WRITE and not counted:
                predicted.append(event._replace(counter=ABSENT_COUNTER))
            elif event.kind in traced:
                predicted.append(event)
    assert predicted == recorded
    length, digest = image_facts(f"random-accesses/{name}.after.fd.zst")
    assert sha256(memoryview(reference.backing)[:length]) == digest
