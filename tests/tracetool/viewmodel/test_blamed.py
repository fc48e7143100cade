"""Who put bytes of the image there, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tracetool.viewmodel.samples import both, first_boot, with_code
from tracetool.viewmodel.blamed import Blamed, Writer, blame_of, blamed

if TYPE_CHECKING:
    from tracetool.viewmodel.audit_session import AuditSession

BOOT_ORDER = 0x1A8
"""Begin of the header of BootOrder in the first boot."""


def asked(session: AuditSession, start: int, end: int, position: int | None = None) -> list[Blamed]:
    """The answer about virt.flash1 at a position, by default the end."""
    history = session.history("virt.flash1")
    assert history is not None
    at = len(history) if position is None else position
    return blamed(session, blame_of(session, "virt.flash1", history), start, end, at)


@pytest.mark.slow
def test_the_operation_that_gave_a_byte_its_value_comes_before_the_copy() -> None:
    (found,) = asked(with_code(), BOOT_ORDER, BOOT_ORDER + 1)
    assert found.words == "0x01a8 │ aa │ header of BootOrder"
    first, last = found.writers
    assert first == Writer(
        "gave the value",
        (
            "buffered-program at 0.463724 s, event 2,907",
            "asked for by BdsDxe, for: create",
            "VirtNorFlashDxe+0x117f0, called by VariableRuntimeDxe, for BdsDxe",
        ),
        (0, 2907),
    )
    assert last.did == "copied it here"
    assert last.facts[1] == "the last of 12 copies by the firmware"
    assert last.event == (0, 17443)


def test_bytes_of_unlike_origins_are_told_apart() -> None:
    words = [each.words.split(" │ ")[0] for each in asked(with_code(), BOOT_ORDER, BOOT_ORDER + 0x20)]
    assert words == ["0x01a8 to 0x01aa, 2 B", "0x01aa", "0x01ab to 0x01c8, 29 B"]


def test_without_a_log_of_the_code_the_code_is_not_known() -> None:
    (found,) = asked(first_boot(), BOOT_ORDER, BOOT_ORDER + 1)
    assert found.writers[0].facts[1] == "asked for by code that is not known, for: create"


def test_bytes_from_before_the_trace_have_no_writer() -> None:
    (found,) = asked(with_code(), BOOT_ORDER, BOOT_ORDER + 1, 0)
    assert found.words == "0x01a8 │ 00"
    assert found.writers == (Writer("gave the value", ("no operation: the bytes were there before the trace",), None),)
    assert asked(first_boot(), 0xB0000, 0xB0002, 0)[0].words == "0xb0000 to 0xb0002, 2 B │ value not known"


@pytest.mark.parametrize("trace", [0, 1])
def test_several_traces_are_named(trace: int) -> None:
    session = both()
    history = session.history("virt.flash1")
    assert history is not None
    place = 0x100000 if trace else BOOT_ORDER
    position = len(history) if trace else history.position(0, 1 << 39)
    (found,) = asked(session, place, place + 1, position)
    assert found.writers[0].facts[0].endswith(f" of trace {trace}")
