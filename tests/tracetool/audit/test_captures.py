"""The audit and the replay over everything that was recorded from running QEMUs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from replay.backing import Policy
from replay.behaviour import Behaviour
from tests.captures import capture_path, image_facts, sha256
from tests.tracetool.traces import Audited, audited, images, replayed
from tracetool.analysis import replay
from tracetool.analysis.contents import contents_of
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.cli import main
from tracetool.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.analysis.session import Replayed

FLASH0 = "virt.flash0"
FLASH1 = "virt.flash1"

KIB = 1 << 10
MIB = 1 << 20
EXTENT = 768 * KIB

COUNT = Behaviour.STAGED_AT_COUNT

TRC = "TRC"

Unpacked = "Callable[[str], Path]"


@dataclass(frozen=True)
class Capture:
    """A recorded log with the images of one device before and after it."""

    trace: str
    before: str
    after: str
    behaviour: Behaviour
    device: str = FLASH1

    def __str__(self) -> str:
        return self.trace.removesuffix(".zst").removesuffix(".log").removesuffix("/trace")


def _firmware(folder: str, behaviour: Behaviour, device: str = FLASH1) -> Capture:
    parts = ("trace.log.zst", "flash1-before.fd.zst", "flash1-after.fd.zst")
    trace, before, after = (f"{folder}/{name}" for name in parts)
    return Capture(trace, before, after, behaviour, device)


def _random(name: str, behaviour: Behaviour) -> Capture:
    trace, before, after = (f"random-accesses/{name}.{part}.zst" for part in ("log", "before.fd", "after.fd"))
    return Capture(trace, before, after, behaviour)


FIRST_BOOT = _firmware("aavmf-first-boot", COUNT)
PADDING = _firmware("aavmf-shell-padding", COUNT)
RECLAIM = _firmware("aavmf-reclaim", COUNT)
RFC = _firmware("aavmf-rfc-v2", COUNT)
OVMF = _firmware("ovmf-first-boot", Behaviour.UNDETERMINED, "system.flash1")
F1A = _random("f1a", Behaviour.DIRECT)
F2A = _random("f2a", COUNT)
F3A = _random("f3a", Behaviour.STAGED_AT_DATA)
PW1P = _random("pw1p", COUNT)
PW1O = _random("pw1o", COUNT)

CAPTURES = [
    FIRST_BOOT,
    PADDING,
    RFC,
    OVMF,
    F1A,
    F2A,
    F3A,
    PW1P,
    PW1O,
    pytest.param(RECLAIM, marks=pytest.mark.slow),
]


@pytest.fixture(scope="session")
def first_boot(unpacked: Callable[[str], Path]) -> Audited:
    return audited(unpacked(FIRST_BOOT.trace))


@pytest.fixture(scope="session")
def padding(unpacked: Callable[[str], Path]) -> Audited:
    return audited(unpacked(PADDING.trace))


def self_check_findings(found: Audited) -> list[str]:
    """What the trace and the model said of each other."""
    return [finding.message for finding in found.audit.findings if finding.rule.startswith(TRC)]


# --- the first boot ----------------------------------------------------------------------------------------------


def test_the_first_boot_stays_within_its_extent(first_boot: Audited) -> None:
    """No image is given: the firmware formats the store itself, and that tells where it ends."""
    flash = first_boot[FLASH1]
    assert flash.verdict == Verdict.WITHIN_EXTENT
    assert flash.extent is not None
    assert (flash.extent.bytes, "FvLength" in flash.extent.source) == (EXTENT, True)
    assert first_boot.exit_code == 0


def test_the_first_boot_is_measured(first_boot: Audited) -> None:
    flash = first_boot[FLASH1]
    assert (flash.totals.erases, flash.totals.buffered_programs, flash.totals.programs) == (23, 217, 0)
    assert (flash.ends.programmed, flash.ends.erased) == (0x80080, EXTENT)
    assert (flash.backing.bytes, flash.saved_bytes) == (786432, 66322432)


def test_every_event_of_the_first_boot_is_predicted(first_boot: Audited) -> None:
    assert self_check_findings(first_boot) == []
    assert sum(device.events for device in first_boot.audit.devices) == 18_585
    assert first_boot[FLASH1].behaviour == COUNT


def test_the_first_boot_stores_into_its_read_only_code(first_boot: Audited) -> None:
    """A known fault of that firmware, harmless because neither value starts a command."""
    (stray,) = first_boot.findings("RO001")
    assert (stray.device, stray.offset, stray.count, stray.first_seq) == (FLASH0, 0x1CB20, 2, 2)
    identity = first_boot[FLASH0].identity
    assert identity is not None
    assert identity.read_only
    assert {finding.rule for finding in first_boot.audit.findings if finding.severity > Severity.NOTE} == {"RO001"}


# --- a write into the padding ------------------------------------------------------------------------------------


def test_a_store_into_the_padding_is_found(padding: Audited) -> None:
    assert padding[FLASH1].verdict == Verdict.OUTSIDE_EXTENT
    (program,) = padding.findings("EXT001")
    assert (program.device, program.offset, program.length, program.count) == (FLASH1, 0x100000, 4, 1)
    assert "4 B (40 00 40 00) at 0x100000" in program.message
    assert padding.exit_code == 1


def test_the_store_into_the_padding_decides_the_smallest_backing(padding: Audited) -> None:
    assert padding[FLASH1].backing.bytes == 0x140000
    assert padding[FLASH1].ends.programmed == 0x100004


def test_every_event_around_the_store_is_predicted(padding: Audited) -> None:
    assert self_check_findings(padding) == []


# --- the device of the RFC series --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def rfc(unpacked: Callable[[str], Path]) -> Audited:
    return audited(unpacked(RFC.trace))


def test_the_rfc_device_tells_its_extent(rfc: Audited) -> None:
    extents = {device.name: device.extent for device in rfc.audit.devices}
    assert {name: extent.bytes for name, extent in extents.items() if extent} == {FLASH0: 2 * MIB, FLASH1: EXTENT}


def test_a_write_that_the_rfc_device_threw_away_has_no_value(rfc: Audited) -> None:
    """The device logs where it was and how long; whether it was a command or data nobody can know."""
    (found,) = rfc.findings("EXT003")
    assert (found.device, found.offset, found.length, found.count) == (FLASH1, 0x100000, 4, 6)
    assert "at 0x100000" in found.message
    assert "the value was not traced" in found.message
    assert rfc[FLASH1].verdict == Verdict.OUTSIDE_EXTENT
    assert rfc.exit_code == 1
    assert not rfc.findings("EXT001")


# --- replays -----------------------------------------------------------------------------------------------------


def _replay(capture: Capture, unpacked: Callable[[str], Path]) -> Replayed:
    return replayed([unpacked(capture.trace)], images(capture.device, unpacked(capture.before)))


@pytest.mark.parametrize("capture", CAPTURES, ids=str)
@pytest.mark.first_quick
def test_the_replay_gives_the_image_that_qemu_left(capture: Capture, unpacked: Callable[[str], Path]) -> None:
    """Byte for byte, with every event predicted and the behaviour found in the trace alone."""
    found = _replay(capture, unpacked)
    device = found.devices[capture.device]
    data = contents_of(device, backing=True)
    assert (len(data), sha256(data.data)) == image_facts(capture.after)
    assert device.behaviour == capture.behaviour
    assert [(notes.disagreement, notes.adopted_at, notes.impossible.count) for notes in device.notes] == [
        (None, None, 0)
    ]


READ_ONLY_NEIGHBOURS = [FIRST_BOOT, PADDING, RFC, OVMF, F1A, F2A, F3A, PW1P, PW1O]


@pytest.mark.parametrize("capture", READ_ONLY_NEIGHBOURS, ids=str)
@pytest.mark.first_quick
def test_the_read_only_flash_beside_it_is_predicted_too(capture: Capture, unpacked: Callable[[str], Path]) -> None:
    """It logs no stores, so how it does buffered writes may show only in the other flash of the machine."""
    found = _replay(capture, unpacked)
    (neighbour,) = (device for name, device in found.devices.items() if name != capture.device)
    assert neighbour.identity is not None
    assert neighbour.identity.read_only
    assert neighbour.current.disagreement is None


def test_the_policy_discard_gives_what_the_rfc_device_left(unpacked: Callable[[str], Path]) -> None:
    """The same accesses were sent to a padded device and to an RFC device; discard turns the one into the other."""
    options = replace(images(FLASH1, unpacked(PW1O.before)), extents={FLASH1: EXTENT}, policy=Policy.DISCARD)
    device = replayed([unpacked(PW1P.trace)], options).devices[FLASH1]
    data = contents_of(device, backing=True)
    assert (len(data), sha256(data.data)) == image_facts(PW1O.after)


@pytest.mark.slow
def test_the_command_writes_that_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "after.fd"
    image, trace = str(capture_path(FIRST_BOOT.before)), str(capture_path(FIRST_BOOT.trace))
    monkeypatch.setattr("sys.argv", ["tracetool", "replay", trace, "--image", image, "--write-image", str(target)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err
    assert (target.stat().st_size, sha256(target.read_bytes())) == image_facts(FIRST_BOOT.after)
    assert target.stat().st_blocks * 512 < 4 * MIB, "the file is sparse"


# --- several boots -----------------------------------------------------------------------------------------------


def test_consecutive_boots_carry_the_image_over(unpacked: Callable[[str], Path]) -> None:
    """The second boot begins with what the first one left in the file, and with nothing else."""
    boots = [unpacked(FIRST_BOOT.trace), unpacked(PADDING.trace)]
    device = replayed(boots, images(FLASH1, unpacked(FIRST_BOOT.before))).devices[FLASH1]
    data = contents_of(device, backing=True)
    assert (len(data), sha256(data.data)) == image_facts(PADDING.after)
    assert [notes.disagreement for notes in device.notes] == [None, None]


def test_consecutive_boots_are_judged_together(unpacked: Callable[[str], Path]) -> None:
    both = audited(unpacked(FIRST_BOOT.trace), unpacked(PADDING.trace))
    assert both[FLASH1].verdict == Verdict.OUTSIDE_EXTENT
    (program,) = both.findings("EXT001")
    assert (program.trace, program.offset, program.first_seq) == (1, 0x100000, 4370)
    assert both[FLASH1].totals.erases == 23 + 2
    assert self_check_findings(both) == []
    assert [(finding.trace, finding.count) for finding in both.findings("RO001")] == [(0, 4)]


# --- chunks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_bytes", [4_999, 100_003])
@pytest.mark.parametrize("capture", [PADDING, PW1O], ids=str)
@pytest.mark.slow
def test_the_audit_does_not_depend_on_the_chunks(
    capture: Capture, chunk_bytes: int, unpacked: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = unpacked(capture.trace)
    whole = audited(trace)
    monkeypatch.setattr(replay, "BATCH", chunk_bytes // 100)
    assert audited(trace, chunk_bytes=chunk_bytes).document == whole.document


@pytest.mark.parametrize("chunk_bytes", [4_999, 4 * MIB])
@pytest.mark.slow
def test_a_stream_gives_the_same_audit_as_the_file(chunk_bytes: int, unpacked: Callable[[str], Path]) -> None:
    """A stream cannot be read again; here the extent is known before the first write beyond it."""
    trace = unpacked(PADDING.trace)
    whole = audited(trace).document
    whole["traces"][0]["name"] = "log"
    assert audited(trace, chunk_bytes=chunk_bytes, stream=True).document == whole


# --- a trace that does not show everything -----------------------------------------------------------------------


def padding_program(log: bytes) -> bytes:
    """The lines of the padding capture that program 0x100000: setup and data, with their inner events."""
    lines = log.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if b"offset:0x100000 " in line)
    return b"".join(lines[first : first + 5])


def without_bus_writes(log: bytes) -> bytes:
    return b"".join(line for line in log.splitlines(keepends=True) if b"pflash_io_write" not in line)


def with_one_bus_write_lost(log: bytes) -> bytes:
    lines = log.splitlines(keepends=True)
    writes = [number for number, line in enumerate(lines) if b"pflash_io_write virt.flash1" in line]
    del lines[writes[len(writes) * 5 // 7]]
    return b"".join(lines)


def from_mid_command(log: bytes) -> bytes:
    """From the third word of the tenth buffered write on."""
    lines = log.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if b"pflash_write_block_start" in line]
    return b"".join(lines[starts[9] + 5 :])


INCOMPLETE = [without_bus_writes, with_one_bus_write_lost, from_mid_command]


@pytest.mark.parametrize("incomplete", INCOMPLETE)
def test_an_incomplete_trace_is_never_called_safe(
    incomplete: Callable[[bytes], bytes], unpacked: Callable[[str], Path]
) -> None:
    found = audited(incomplete(unpacked(FIRST_BOOT.trace).read_bytes()), options=Options(extents={FLASH1: EXTENT}))
    assert found[FLASH1].verdict == Verdict.INCONCLUSIVE
    assert found[FLASH1].verdict_reasons
    assert {rule for rule in found.rules if rule.startswith(TRC)}
    assert found.exit_code == 4


@pytest.mark.parametrize("incomplete", INCOMPLETE)
def test_a_write_outside_is_found_even_in_an_incomplete_trace(
    incomplete: Callable[[bytes], bytes], unpacked: Callable[[str], Path]
) -> None:
    log = unpacked(FIRST_BOOT.trace).read_bytes() + padding_program(unpacked(PADDING.trace).read_bytes())
    found = audited(incomplete(log), options=Options(extents={FLASH1: EXTENT}))
    assert found[FLASH1].verdict == Verdict.OUTSIDE_EXTENT
    assert [finding.offset for finding in found.findings("EXT001")] == [0x100000]
    assert {rule for rule in found.rules if rule.startswith(TRC)}
    assert found.exit_code == 1
