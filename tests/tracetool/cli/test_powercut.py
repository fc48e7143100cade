"""`tracetool powercut`: the next boot of an image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.captures import capture_path
from tests.tracetool.uefi.boot.images import AAVMF, OVMF, pending, whole
from tracetool.bundled import sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

AFTER = sample("aavmf-shell-padding/flash1-after.fd.zst")


def test_a_sound_store_boots_with_all_its_variables(quick: Quick) -> None:
    done = quick("powercut", "--image", AFTER)
    assert (done.code, done.err) == (0, "")
    assert done.text == "aavmf-2022.11 and aavmf-2025.02: boots with all 17 variables\n"


@pytest.mark.parametrize(
    ("name", "code", "title"),
    [
        ("fb-fmt-hdr-w23", 1, "never will"),
        ("fb-late-erase", 1, "the cut has erased its variables"),
        ("fb-late-rw-k5-w20", 1, "boots with 5 variables; more may be missing"),
        ("sp-hello-rw-k10", 1, "aavmf-2025.02: formats this flash at its next boot; 9 variables lost"),
        ("rc-target-erased", 1, "dd if=FILE of=FILE bs=262144 skip=2 count=1 conv=notrunc; then it starts with 66"),
        ("rc-target-k300", 0, "boots from the spare with all 66 variables"),
        ("or-target-0x10000", 1, "boots from the spare with 37 variables; 53 variables lost"),
        ("or-target-erase1", 1, "F2: its volume header is erased"),
        ("z-or-block0", 1, "takes this flash for absent"),
    ],
)
def test_an_image_that_a_cut_left_is_told_of_in_words(quick: Quick, name: str, code: int, title: str) -> None:
    done = quick("powercut", "--image", capture_path(f"powercut/{name}.fd.zst"))
    assert done.code == code
    assert title in done.text


def test_json_has_outcome_variables_and_rules(quick: Quick) -> None:
    case = json.loads(capture_path("powercut/cases.json").read_text())["cases"][0]
    image = capture_path(f"powercut/{case['image']}")
    document = json.loads(quick("powercut", "--image", image, "--firmware", "aavmf-2022.11", "--format", "json").text)
    assert (document["outcome"], document["for_good"]) == ("kept", False)
    assert document["rules"] == ["F1", "W1", "V1", "V2"]
    assert sorted([list(variable.values()) for variable in document["taken_up"]]) == sorted(
        case["firmware"]["aavmf-2022.11"]["taken_up"]
    )


def test_what_goes_to_a_file_is_what_is_printed(quick: Quick, tmp_path: Path) -> None:
    for output_format in ("text", "json"):
        arguments = ("powercut", "--image", AFTER, "--firmware", "aavmf-2025.02", "--format", output_format)
        quick(*arguments, "-o", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == quick(*arguments).out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "--image"),
        (("--image", AFTER, "--format", "json"), 2, "give --firmware aavmf-2022.11 or aavmf-2025.02"),
        (("--image", AFTER, "--firmware", "bios"), 2, "give one of aavmf-2022.11"),
        (("--image", __file__), 2, "the layout of no known firmware"),
        (("--image", __file__, "--firmware", "aavmf-2022.11"), 3, "bytes long"),
        (("--image", "/nowhere"), 3, "/nowhere"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_line(
    quick: Quick, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = quick("powercut", *arguments)
    assert (done.code, len(done.err.splitlines())) == (code, 1)
    assert words in done.err


def test_a_name_that_would_act_on_a_terminal_is_shown_harmless(quick: Quick, tmp_path: Path) -> None:
    image = pending(OVMF, target=b"")
    at = image.index("Timeout".encode("utf-16-le"), OVMF.spare)
    image[at : at + 8] = "\x1b[2J".encode("utf-16-le")
    (tmp_path / "flash.fd").write_bytes(image)
    done = quick("powercut", "--image", tmp_path / "flash.fd")
    assert "\x1b" not in done.text


def test_what_no_real_firmware_was_seen_doing_is_marked(quick: Quick, tmp_path: Path) -> None:
    image = whole(AAVMF)
    image[0x28] = 0
    np.frombuffer(image, np.uint8).tofile(tmp_path / "flash.fd")
    done = quick("powercut", "--image", tmp_path / "flash.fd", "--firmware", "aavmf-2022.11")
    assert "known from edk2's source alone" in done.text
