"""What a session decides before and while it replays: extent, geometry, read-only, behaviour, passes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from replay.backing import Policy
from replay.behaviour import Behaviour
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import audited, replayed
from tracetool.analysis.options import Options, apply_geometry, parse_behaviour, parse_board, split_device
from tracetool.analysis.session import MAX_DEVICES
from tracetool.audit import Verdict
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLASH0, FLASH1 = "virt.flash0", "virt.flash1"
FIRST_BOOT = "aavmf-first-boot/trace.log.zst"


def two_flashes() -> Log:
    """Both flashes of a machine; the second is written."""
    return log(FLASH0, read_only=True).reset().of(log(FLASH1).reset().program(0x100, 1).read_array())


# --- extent ------------------------------------------------------------------------------------------------------


def test_an_option_comes_before_what_the_device_says() -> None:
    trace = log(FLASH1).realize(0xC0000).reset().program(0, 1)
    own = audited(trace.text)[FLASH1].extent
    assert own is not None
    assert (own.bytes, own.source) == (0xC0000, "its pflash_realize event")
    told = audited(trace.text, options=Options(extents={FLASH1: 0x80000}))[FLASH1].extent
    assert told is not None
    assert (told.bytes, told.source) == (0x80000, "--extent")


def test_a_short_image_ends_the_extent(tmp_path: Path) -> None:
    image = tmp_path / "short.fd"
    image.write_bytes(bytes(0x80000))
    found = audited(two_flashes().text, options=Options(images={FLASH1: image}))[FLASH1].extent
    assert found is not None
    assert (found.bytes, found.source) == (0x80000, "the length of its image")


@pytest.mark.slow
def test_an_extent_that_is_learned_too_late_is_known_to_the_next_pass(unpacked: Callable[[str], Path]) -> None:
    """The padding is programmed before the trace writes the header that says where the store ends."""
    lines = unpacked(FIRST_BOOT).read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if "io_write virt.flash1" in line)
    early = [f"{line}\n" for line in log(FLASH1).program(0x100000, 1).read_array().text.splitlines()]
    text = "".join([*lines[:start], *early, *lines[start:]])
    by_file, by_stream = audited(text), audited(text, stream=True)
    for found in (by_file, by_stream):
        assert found[FLASH1].verdict == Verdict.OUTSIDE_EXTENT
    assert [f.offset for f in by_file.findings("EXT001")] == [0x100000]
    assert by_file[FLASH1].policy_evaluated
    assert not by_stream[FLASH1].policy_evaluated
    assert not by_stream.findings("EXT005")


# --- which device ------------------------------------------------------------------------------------------------


def test_an_option_without_a_device_is_for_the_one_that_is_written() -> None:
    found = audited(two_flashes().text, options=Options(extents={"": 0x40000}))
    assert found[FLASH0].extent is None
    assert found[FLASH1].extent is not None


def test_an_option_without_a_device_needs_one_where_two_are_written() -> None:
    trace = log(FLASH0).reset().program(0, 1).of(log(FLASH1).reset().program(0, 1))
    with pytest.raises(UsageError, match=r"--extent must name its device, as in --extent virt\.flash0="):
        audited(trace.text, options=Options(extents={"": 0x40000}))


def test_a_device_alone_is_looked_at_where_that_is_asked() -> None:
    found = audited(two_flashes().text, options=Options(device=FLASH0))
    assert [device.name for device in found.audit.devices] == [FLASH0]


# --- identity ----------------------------------------------------------------------------------------------------


def test_the_code_flash_is_read_only_by_custom_until_it_stores_something() -> None:
    for trace, read_only in ((log(FLASH0).reset(), True), (log(FLASH0).reset().program(0, 1), False)):
        identity = audited(trace.text)[FLASH0].identity
        assert identity is not None
        assert identity.read_only is read_only


def test_a_device_can_be_said_to_be_read_only() -> None:
    trace = log(FLASH1, read_only=True).reset().program(0, 1)
    found = audited(trace.text, options=Options(read_only=frozenset({FLASH1})))
    assert found.rules & {"RO002", "TRC001"} == {"RO002"}


def test_erases_contradict_a_geometry() -> None:
    with pytest.raises(UsageError, match="erases blocks of 256 KiB, but the geometry in use has 64 KiB"):
        audited(log(FLASH1).reset().erase(0).text, options=Options(geometries={FLASH1: "block=64K"}))


def test_a_device_of_no_known_board_is_not_judged() -> None:
    trace = log("other.flash").reset().write(0, 0x70, size=2)
    found = audited(trace.text)["other.flash"]
    assert (found.geometry, found.verdict) == (None, Verdict.INCONCLUSIVE)


def test_a_geometry_makes_it_judged() -> None:
    trace = log("other.flash").reset().program(0, 1).read_array()
    options = Options(geometries={"other.flash": "size=1M,block=256K,bank=4,chip=2"}, extents={"other.flash": 1 << 19})
    assert audited(trace.text, options=options)["other.flash"].verdict == Verdict.WITHIN_EXTENT


# --- behaviour ---------------------------------------------------------------------------------------------------


def test_the_behaviour_is_found_in_the_first_buffered_write() -> None:
    assert audited(log(FLASH1).reset().buffered(0, 1, 2).text)[FLASH1].behaviour == Behaviour.STAGED_AT_COUNT


def test_without_a_buffered_write_the_behaviour_stays_undetermined() -> None:
    assert audited(log(FLASH1).reset().program(0, 1).text)[FLASH1].behaviour == Behaviour.UNDETERMINED


def test_a_wrong_behaviour_is_noticed() -> None:
    trace = log(FLASH1).reset().buffered(0, 1, 2).text
    assert audited(trace, options=Options(behaviour=Behaviour.STAGED_AT_DATA)).findings("TRC001")


# --- moments -----------------------------------------------------------------------------------------------------


def test_a_moment_is_after_its_event() -> None:
    """`program` is setup and data, each with what it logs: the word is there after event 3."""
    trace = log(FLASH1).reset().program(0, 0x1234)
    for at, word in ((2, b"\0\0\0\0"), (3, b"\x34\x12\0\0")):
        device = replayed([trace.text], replace(Options(), at=at, policy=Policy.PADDED)).devices[FLASH1]
        assert device.machine is not None
        assert device.machine.storage()[:4].tobytes() == word


# --- options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("auto", Behaviour.UNDETERMINED),
        ("direct", Behaviour.DIRECT),
        ("7.2.8", Behaviour.DIRECT),
        ("7.2.9", Behaviour.STAGED_AT_COUNT),
        ("9.0.0", Behaviour.STAGED_AT_COUNT),
        ("9.0.1", Behaviour.STAGED_AT_DATA),
    ],
)
def test_a_behaviour_is_given_by_name_or_by_version(text: str, behaviour: Behaviour) -> None:
    assert parse_behaviour(text) == behaviour


@pytest.mark.parametrize("parse", [parse_behaviour, parse_board])
def test_an_unknown_name_is_wrong_usage(parse: Callable[[str], object]) -> None:
    with pytest.raises(UsageError, match="'nonsense'"):
        parse("nonsense")


def test_a_value_may_name_its_device() -> None:
    assert split_device("virt.flash1=768K") == ("virt.flash1", "768K")
    assert split_device("768K") == ("", "768K")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("size=1M", "block and bank must be given"),
        ("size=1M,block=256K,bank=4,endian=middle", "neither little nor big"),
        ("size=1M,block=256K,bank=4,ids=89", "not four bytes in hex"),
        ("colour=red", "'colour=red' is not understood"),
    ],
)
def test_a_geometry_that_is_none_says_what_is_wrong(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        apply_geometry("some.flash", spec, None)


# --- more devices than there can be ------------------------------------------------------------------------------


@pytest.mark.slow
def test_devices_that_no_machine_can_have_are_left_out_and_the_verdict_says_so() -> None:
    many = "".join(log(f"virt.flash{number}").reset().text for number in range(MAX_DEVICES + 3))
    found = audited(many)
    assert len(found.audit.devices) == MAX_DEVICES
    assert {device.verdict for device in found.audit.devices} == {Verdict.INCONCLUSIVE}
    (finding,) = found.findings("TRC003")
    assert finding.count == 3
