"""Which machine a QEMU is started as for a trace, and when there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from replay.behaviour import Behaviour
from tests.tracetool.logs import log
from tests.tracetool.traces import replayed
from tracetool.analysis.options import Options
from tracetool.errors import UsageError
from tracetool.qemu.about import About
from tracetool.verify.plan import plan_for

if TYPE_CHECKING:
    from tracetool.verify.plan import Plan

MACHINES = frozenset({"virt", "vexpress-a9", "sx1", "sx1-v1", "connex"})
ARM = About("/bin/qemu-system-arm", "7.2.22", "arm", MACHINES, Behaviour.DIRECT)


def about(architecture: str, *machines: str, version: str = "9.2.0") -> About:
    return About(f"/bin/qemu-system-{architecture}", version, architecture, frozenset(machines), Behaviour.DIRECT)


def plan(text: str, qemu: About, options: Options | None = None) -> Plan:
    return plan_for(replayed([text], options or Options()), qemu)


def trace(*devices: str) -> str:
    return "".join(log(device).reset().program(0, 1).read_array().text for device in devices)


def test_a_machine_has_the_devices_of_the_trace_and_the_others_of_its_board() -> None:
    found = plan(trace("virt.flash1"), ARM)
    assert found.machine.option == "virt"
    assert [(flash.name, flash.address) for flash in found.flashes] == [("virt.flash0", 0), ("virt.flash1", 64 << 20)]
    assert list(found.parts) == ["virt.flash1"]


def test_the_board_decides_where_two_have_devices_of_a_name() -> None:
    qemu = about("riscv64", "virt")
    with pytest.raises(UsageError, match=r"no machine with virt\.flash1 of the board virt-arm"):
        plan(trace("virt.flash1"), qemu)
    found = plan(trace("virt.flash1"), qemu, Options(board="virt-riscv"))
    assert found.parts["virt.flash1"].flash.address == 0x22000000


def test_a_unit_that_nobody_knows_takes_one_block_where_images_decide() -> None:
    text = trace("system.flash1").replace("size:4", "size:1")
    found = plan(text, about("x86_64", "q35"), Options(geometries={"system.flash1": "size=512K"}))
    first, second = found.flashes
    assert (first.geometry.size, second.geometry.size) == (4096, 512 << 10)
    assert second.address == (1 << 32) - 4096 - (512 << 10)


def test_a_size_that_only_the_accesses_show_is_a_caveat() -> None:
    text = log("system.flash0").reset().write(0x2003, 0x70, size=1).text
    found = plan(text, about("x86_64", "q35"))
    (flash,) = found.flashes
    assert flash.geometry.size == 0x3000
    assert "its size is not known: give --image system.flash0=FILE" in found.parts["system.flash0"].caveats


def test_the_variant_is_the_one_with_flashes_of_that_size() -> None:
    name = "omap_sx1.flash0-1"
    for size, machine in (("32M", "sx1"), ("16M", "sx1-v1")):
        spec = f"size={size},block=128K,bank=4,ids=0:0:0:0"
        found = plan(trace(name), ARM, Options(geometries={name: spec}))
        assert found.machine.name == machine


def test_the_byte_order_is_the_processor_s() -> None:
    text = trace("mips_malta.bios")
    little = about("mipsel", "malta")
    assert plan(text, little).machine.name == "malta"
    with pytest.raises(UsageError, match=r"this QEMU \(mips\) has no machine with mips_malta\.bios"):
        plan(text, about("mips", "malta"))
    big = Options(geometries={"mips_malta.bios": "endian=big"})
    assert plan(text, about("mips", "malta"), big).machine.name == "malta-big-endian"


@pytest.mark.parametrize(
    ("text", "qemu", "words"),
    [
        (trace("virt.flash1"), about("aarch64", "virt", version="5.2.0"), "QEMU 5.2.0 does not name its devices"),
        (trace("virt.flash1"), about("aarch64", "other"), "has no machine with virt.flash1"),
        (trace("strange.flash"), ARM, "has no machine with strange.flash of the board virt-arm"),
        (trace("virt.flash1", "connext.rom"), ARM, "of several boards, gumstix, virt-arm; use --device"),
        (trace("e500.flash"), about("ppc", "ppce500"), "how to start the board e500 is not known"),
    ],
)
def test_why_there_is_no_machine(text: str, qemu: About, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        plan(text, qemu, Options(geometries={} if "e500" not in text else {"e500.flash": "size=1M"}))


def test_what_only_secure_code_reaches_is_left_out() -> None:
    found = plan(trace("sbsa.flash0", "sbsa.flash1"), about("aarch64", "sbsa-ref"))
    assert list(found.parts) == ["sbsa.flash1"]
    assert "only secure code" in found.left_out["sbsa.flash0"]


def test_in_what_the_machine_is_not_the_recorded_one() -> None:
    short = log("virt.flash1").realize(768 << 10).reset().program(0, 1).text
    assert any("an image of 768 KiB" in caveat for caveat in plan(short, ARM).parts["virt.flash1"].caveats)
    midway = log("virt.flash1").reset().program(0, 1).read_array().begun_at(3).text
    assert any("in mid-command" in caveat for caveat in plan(midway, ARM).parts["virt.flash1"].caveats)
