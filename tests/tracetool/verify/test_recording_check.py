"""What a recording proves on its own: its events and its image, and where the first difference stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.captures import ROOT
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.options import ANY_DEVICE, Options
from tracetool.compression import compression_of, decompressed
from tracetool.images import load_image, write_image
from tracetool.verify import Standing, Subject, verify

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Ended, Quick

FOLDER = ROOT / "samples" / "aavmf-shell-padding"
TRACE, BEFORE, AFTER = (FOLDER / name for name in ("trace.log.zst", "flash1-before.fd.zst", "flash1-after.fd.zst"))
FLASH = "virt.flash1"

PROVED, DIFFERENT, USAGE, UNREADABLE, INCONCLUSIVE = range(5)


def document(ended: Ended) -> dict[str, Any]:
    """The JSON that was written."""
    found: dict[str, Any] = json.loads(ended.out)
    return found


def check(ended: Ended, subject: str, device: str = FLASH) -> dict[str, Any]:
    """One check of one device."""
    (found,) = [entry for entry in document(ended)["devices"] if entry["name"] == device]
    (one,) = [entry for entry in found["checks"] if entry["check"] == subject]
    return dict(one)


def verified(quick: Quick, *arguments: str | Path) -> Ended:
    return quick("verify", *arguments, "--format", "json")


@pytest.mark.slow
def test_a_sample_is_proved_with_its_images(quick: Quick) -> None:
    ended = verified(quick, TRACE, "--image", BEFORE, "--after", AFTER)
    assert (ended.code, ended.err) == (PROVED, "")
    assert (check(ended, "self-check")["standing"], check(ended, "self-check")["compared"]) == ("proved", 4378)
    assert (check(ended, "image")["standing"], check(ended, "image")["compared"]) == ("proved", 64 << 20)
    (flash,) = [entry for entry in document(ended)["devices"] if entry["name"] == FLASH]
    assert flash["not_compared"] == ["no real device: give --qemu-binary"]


@pytest.mark.slow
def test_a_changed_byte_of_the_image_is_found_and_who_should_have_written_it(tmp_path: Path, quick: Quick) -> None:
    image = load_image(AFTER, limit=64 << 20)
    image[0x100002] ^= 0xFF
    changed = tmp_path / "after.fd"
    write_image(changed, image)
    ended = verified(quick, TRACE, "--image", BEFORE, "--after", f"{FLASH}={changed}")
    assert ended.code == DIFFERENT
    found = check(ended, "image")
    assert (found["standing"], found["place"]["offset"]) == ("different", 0x100002)
    assert (found["place"]["expected"][:5], found["place"]["found"][:5]) == ("40 00", "bf 00")
    assert "1 byte, the first at 0x100002" in found["message"]
    assert "last written by the program of events 4368 to 4370" in found["message"]


@pytest.mark.slow
def test_a_changed_byte_where_nobody_wrote_is_said_to_be_that(tmp_path: Path, quick: Quick) -> None:
    image = load_image(AFTER, limit=64 << 20)
    image[-1] ^= 1
    write_image(tmp_path / "after.fd", image)
    ended = verified(quick, TRACE, "--image", BEFORE, "--after", tmp_path / "after.fd")
    assert ended.code == DIFFERENT
    assert check(ended, "image")["message"].endswith("nothing in the trace writes there")


def test_the_file_says_how_long_a_flash_is_whose_image_decides(tmp_path: Path, quick: Quick) -> None:
    trace, before, after = (tmp_path / name for name in ("trace.log", "before.fd", "after.fd"))
    trace.write_text(log("system.flash1").reset().program(0x1000, 1).read_array().text)
    before.write_bytes(b"\xff" * 0x2000)
    assert quick("replay", trace, "--image", before, "--write-image", after).code == 0
    assert quick("verify", trace, "--image", before, "--after", after).code == PROVED
    found = check(verified(quick, trace, "--after", after), "image", "system.flash1")
    assert (found["standing"], "of 8,192 bytes are known" in found["message"]) == ("unproved", True)
    after.write_bytes(after.read_bytes()[:0x1000])
    assert quick("verify", trace, "--after", after).code == DIFFERENT, "the trace wrote beyond it"


def test_an_image_of_another_length_differs_where_the_shorter_ends(tmp_path: Path, quick: Quick) -> None:
    write_image(tmp_path / "after.fd", load_image(AFTER, limit=64 << 20)[: 1 << 20])
    ended = verified(quick, TRACE, "--image", BEFORE, "--after", tmp_path / "after.fd")
    assert ended.code == DIFFERENT
    assert check(ended, "image")["place"] == {
        "trace": None,
        "seq": None,
        "offset": 1 << 20,
        "expected": "64 MiB",
        "found": "1 MiB",
    }


@pytest.mark.slow
def test_without_contents_only_what_the_trace_wrote_is_compared(tmp_path: Path, quick: Quick) -> None:
    ended = verified(quick, TRACE, "--after", AFTER)
    assert ended.code == INCONCLUSIVE
    found = check(ended, "image")
    assert (found["standing"], found["compared"]) == ("unproved", 262_148)
    image = load_image(AFTER, limit=64 << 20)
    image[0x100000] ^= 1
    write_image(tmp_path / "after.fd", image)
    assert verified(quick, TRACE, "--after", tmp_path / "after.fd").code == DIFFERENT


@pytest.fixture(scope="module")
def lines() -> list[str]:
    with TRACE.open("rb") as packed, decompressed(packed, compression_of(packed.peek(16))) as plain:
        return plain.read().decode().splitlines(keepends=True)


@pytest.mark.parametrize(("event", "number", "field"), [("io_read", 60, "value"), ("data_write_block", 500, "offset")])
def test_a_changed_value_is_found_where_it_stands(
    event: str, number: int, field: str, lines: list[str], tmp_path: Path, quick: Quick
) -> None:
    places = [seq for seq, line in enumerate(lines) if f"pflash_{event} " in line]
    seq = places[number]
    changed = list(lines)
    changed[seq] = lines[seq].replace(f"{field}:0x", f"{field}:0x1", 1)
    path = tmp_path / "trace.log"
    path.write_text("".join(changed))
    ended = verified(quick, path, "--image", BEFORE, "--after", AFTER)
    assert ended.code == INCONCLUSIVE
    found = check(ended, "self-check")
    assert (found["standing"], found["place"]["seq"]) == ("different", seq)
    assert f"expected {field}" in found["message"]
    assert check(ended, "image")["standing"] == "proved"


def test_the_second_trace_continues_the_first_and_is_named(tmp_path: Path, quick: Quick) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    first.write_text(log(FLASH).reset().program(0, 0x1234).text)
    second.write_text(log(FLASH).reset().program(4, 0x5678).read_status(0, 0x900090).text)
    blank, after = tmp_path / "before.fd", tmp_path / "after.fd"
    image = np.zeros(64 << 20, np.uint8)
    write_image(blank, image)
    image[:8] = np.frombuffer(bytes.fromhex("3412000078560000"), np.uint8)
    write_image(after, image)
    ended = verified(quick, first, second, "--image", blank, "--after", after)
    assert ended.code == INCONCLUSIVE
    assert check(ended, "image")["standing"] == "proved"
    assert (check(ended, "self-check")["place"]["trace"], check(ended, "self-check")["place"]["seq"]) == (1, 6)
    assert "at event 6 of trace 1" in check(ended, "self-check")["message"]


def test_an_incomplete_trace_proves_nothing() -> None:
    found = verify([reader(log(FLASH).reset().program(0, 1).without("io_write").text)], Options())
    (device,) = found.devices
    assert (found.exit_code, device.standing) == (INCONCLUSIVE, Standing.UNPROVED)
    assert found.devices[0].checks[0].words == "its io_write events were not traced"


def test_a_short_file_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    before, after = tmp_path / "before.fd", tmp_path / "after.fd"
    image = np.zeros(768 << 10, np.uint8)
    write_image(before, image)
    image[0] = 5
    write_image(after, image)
    text = log(FLASH).realize(768 << 10).reset().program(0, 5).outer_write(1 << 20).text
    found = verify([reader(text)], Options(images={ANY_DEVICE: before}), after={ANY_DEVICE: after})
    (device,) = found.devices
    image_check = device.check(Subject.IMAGE)
    assert image_check is not None
    assert (image_check.standing, image_check.compared) == (Standing.PROVED, 768 << 10)


# --- wrong usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--after", "no.such=x"], USAGE, "no device 'no.such' in the trace"),
        (["--after", "a.fd", "--after", "b.fd"], USAGE, "--after is given twice for the same device"),
        (["--format", "xml"], USAGE, "--format 'xml': give one of text, json"),
        (["--after", "/nonexistent"], UNREADABLE, "/nonexistent: cannot be read as a flash image"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], code: int, words: str, quick: Quick) -> None:
    ended = quick("verify", TRACE, *arguments)
    assert (ended.code, ended.out) == (code, b"")
    (line,) = ended.err.splitlines()
    assert words in line


def test_a_device_must_be_named_where_two_are_written(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "trace.log"
    path.write_text(log("collie.fl1").reset().program(0, 1).of(log("collie.fl2").reset().program(0, 1)).text)
    ended = quick("verify", path, "--after", AFTER)
    assert ended.code == USAGE
    assert "as in --after collie.fl1=FILE; the trace has collie.fl1, collie.fl2" in ended.err


def test_a_trace_without_events_is_refused(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "trace.log"
    path.write_text("nothing\n")
    ended = quick("verify", path)
    assert ended.code == UNREADABLE
    assert "no pflash event" in ended.err


def test_a_file_that_is_read_is_not_written_over(tmp_path: Path, quick: Quick) -> None:
    image = tmp_path / "after.fd"
    write_image(image, load_image(AFTER, limit=64 << 20))
    ended = quick("verify", TRACE, "--after", image, "-o", image)
    assert ended.code == USAGE
    assert "is read by this command" in ended.err
    assert image.stat().st_size == 64 << 20
