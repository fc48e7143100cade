from __future__ import annotations

from random import Random

from tracetool.who.log import read_who_log
from tracetool.who.modules import Modules

DISTANCE = 0x4FEFA000 - 0x3000
CODE = Random(7).randbytes(0x8000)  # noqa: S311  no secret depends on it
FIRMWARE = CODE[:0x4000] + b"U-Boot 2023.01" + CODE[0x4000:] + bytes(0x1000) + b"\xff" * 0x1000


def log_of(places: dict[int, bytes], chains: list[list[int]]) -> bytes:
    """A log of code without headers: 32 bytes at each pc."""
    rows = ["V 1 target=aarch64 api=0..1"]
    rows += [f"I {pc:x} {pc & ~0xFFF:x} 1000 - 0 0 {code.hex()} -" for pc, code in places.items()]
    for number, chain in enumerate(chains):
        rows += [f"C {number} {','.join(f'{pc:x}' for pc in chain)}", f"A 0 w 4 virt.flash1 4000000 4000000 {number}"]
    return "".join(f"{row}\n" for row in rows).encode()


def at(offset: int) -> tuple[int, bytes]:
    return DISTANCE + offset, FIRMWARE[offset : offset + 32]


def names(log: bytes, firmware: bytes = FIRMWARE) -> list[str]:
    return [str(caller) for caller in Modules(read_who_log(log), lambda: firmware).chain(0, 100)]


def test_u_boot_is_found_where_it_copied_itself_to() -> None:
    places = dict(map(at, (0x3388, 0x5D00, 0x6010)))
    chain = [*places, DISTANCE + 0x3400, 0x1000]
    found = ["u-boot+0x3388", "u-boot+0x5d00", "u-boot+0x6010", "u-boot+0x3400", "?"]
    assert names(log_of(places, [chain])) == found
    assert names(log_of(places, [chain]), FIRMWARE.replace(b"U-Boot 20", b"other one"))[0] == "firmware+0x3388"


def test_code_that_is_not_the_firmwares_has_no_name() -> None:
    places = dict(map(at, (0x3388, 0x5D00)))
    other = DISTANCE + 0x6010, bytes(range(32))
    log = log_of(places | dict([other]), [[*places, other[0]]])
    assert names(log)[-1] == "?"
    assert names(log, b"") == ["?"] * 3


def test_code_that_is_there_twice_or_lies_elsewhere_tells_no_distance() -> None:
    twice = FIRMWARE + FIRMWARE[0x3388:0x33A8]
    one, other = at(0x3388), (0x10005D00, FIRMWARE[0x5D00:0x5D20])
    assert names(log_of(dict([one, other]), [[one[0], other[0]]]), twice) == ["?", "?"]
    assert names(log_of(dict([one, other]), [[one[0], other[0]]])) == ["?", "?"]  # at two distances, each once
    assert names(log_of(dict([one]), [[one[0]]])) == ["u-boot+0x3388"]


def test_padding_is_no_code() -> None:
    pc = DISTANCE + 0x8100
    assert names(log_of({pc: bytes(32)}, [[pc]]), FIRMWARE + b"\x01" + bytes(32) + b"\x01") == ["?"]
