"""Code for the boards' processors that makes a list of stores, as a flash driver does, and then waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.live.cfi02_machines import Cfi02Machine

__all__ = ["loader_options"]

# Load address and value from the list, stop at address 0, store, repeat.
# Ref: Arm DDI 0406, A8.8, and SH-4 software manual, each instruction under its name.
_ARM = (0xE28F0010, 0xE8B00006, 0xE3510000, 0x0AFFFFFE)
_ARM_STORES = {1: 0xE5C12000, 2: 0xE1C120B0, 4: 0xE5812000}
_ARM_BACK = 0xEAFFFFFA
_SH4 = (0xC703, 0x6106, 0x6206, 0x2118, 0x89FE, 0x2121, 0xAFF9, 0x0009)
"""Its stores are 16 bits wide."""


def loader_options(machine: Cfi02Machine, stores: Sequence[tuple[int, int]]) -> list[str]:
    """Options of QEMU that put the code and the stores (offset and value) into memory, and the processor there."""
    loop = machine.kind.wait_loop
    assert loop is not None
    if loop.width == 4:
        code, base = [*_ARM, _ARM_STORES[machine.geometry.bank_width], _ARM_BACK], machine.address
    else:
        code, base = list(_SH4), machine.address | 0xA0000000
    words = [*stores, (-base, 0)]
    table = [word for offset, value in words for word in (base + offset, value)]
    order: Literal["little", "big"] = "big" if machine.kind.big_endian else "little"
    image = b"".join(word.to_bytes(loop.width, order) for word in code)
    image += b"".join(word.to_bytes(4, order) for word in table)
    found: list[str] = []
    for at in range(0, len(image), 4):
        word = int.from_bytes(image[at : at + 4], "little")
        found += ["-device", f"loader,addr={loop.at + at:#x},data={word:#x},data-len=4"]
    return [*found, "-device", f"loader,addr={loop.start:#x},cpu-num=0"]
