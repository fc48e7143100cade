"""Audits for tests of reports: each verdict, several boots, damage, and hostile names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.logs import log
from tests.tracetool.traces import Trace, audited
from tracetool.analysis.options import Options
from tracetool.bundled import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.audit import Audit

DEVICE = "virt.flash1"
HOSTILE = "<script>alert('\"&x')</script>"
CONTROL = "virt.flash1\x07\x1b"


def within() -> str:
    return log(DEVICE).reset().program(0, 1).read_array().text


def outside() -> str:
    return log(DEVICE).reset().program(0x100000, 0x400040).read_array().text


def extent(device: str = DEVICE) -> Options:
    return Options(extents={device: 768 << 10}, geometries={} if device == DEVICE else {device: _LIKE_VIRT})


_LIKE_VIRT = "size=64M,block=256K,bank=4,chip=2"


def store_followed() -> Options:
    """Follow the variable store of the first boot, and cut the power."""
    return Options(images={DEVICE: sample("aavmf-first-boot/flash1-before.fd.zst")}, variables=True, power_cuts=True)


@cache
def _with_controls() -> Audit:
    """Control characters, which no parser should let through."""
    audit = audited(outside(), options=extent()).audit
    devices = tuple(replace(device, name=CONTROL) for device in audit.devices)
    findings = tuple(replace(found, device=CONTROL, message=f"{found.message} \x00\udcff") for found in audit.findings)
    return replace(audit, devices=devices, findings=findings)


def _audit(*traces: Trace, options: Options | None = None, stream: bool = False) -> Callable[[], Audit]:
    return cache(lambda: audited(*traces, options=options, stream=stream).audit)


def _renamed(text: str, name: str) -> str:
    return text.replace(DEVICE, name)


CASES: dict[str, Callable[[], Audit]] = {
    "padding": _audit(PADDING),
    "boots": _audit(FIRST_BOOT, PADDING),
    "within": _audit(within(), options=extent()),
    "outside": _audit(outside(), options=extent()),
    "no-extent": _audit(within()),
    "stream": _audit(outside(), options=extent(), stream=True),
    "incomplete": _audit(log(DEVICE).reset().program(0, 1).without("io_write").text),
    "damaged": _audit(within() + f"pflash_io_write {HOSTILE}: offset:0x00\n" + outside()),
    "disagreement": _audit(log(DEVICE).reset().write(0, 0x700070).read_status(0, 0x900090).text, options=extent()),
    "host failure": _audit(within() + f"qemu: Could not update PFLASH: {HOSTILE}\n", options=extent()),
    "hostile name": _audit(_renamed(outside(), HOSTILE), options=extent(HOSTILE)),
    "control characters": _with_controls,
    "power cuts": _audit(FIRST_BOOT, options=store_followed()),
}
"""What to report, by what is special about it."""
