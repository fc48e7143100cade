"""`tracetool powercut`: the next boot of an image, and of every cut of a trace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.captures import capture_path, sha256
from tests.tracetool.uefi.boot.images import AAVMF, OVMF, pending, whole
from tracetool.bundled import sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

AFTER = sample("aavmf-shell-padding/flash1-after.fd.zst")
PADDING = sample("aavmf-shell-padding/trace.log.zst")
TRACE = (PADDING, "--image", sample("aavmf-shell-padding/flash1-before.fd.zst"))


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
        ("or-target-erase1", 1, "F2: its volume header is blank"),
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
        ((), 2, "give a TRACE, or the --image"),
        (("--image", AFTER, "--board", "virt"), 2, "--board: give a TRACE"),
        (("--image", AFTER, "--whole"), 2, "cuts are made in a trace"),
        (("--image", AFTER, "--shape", "none"), 2, "give --at"),
        (("--image", AFTER, "--shard", "0/2"), 2, "write K/N"),
        ((PADDING,), 3, "not known; give --image"),
        ((*TRACE, "--at", "3187", "--shape", "none"), 2, "the last one before it is 3186"),
        ((*TRACE, "--at", "3"), 2, "nor does any event before it"),
        ((*TRACE, "--at", "3186", "--shape", "zero-all"), 2, "choose from none, after, words"),
        ((*TRACE, "--at", "0123456789ab:3186:none"), 2, "a case of other commits"),
        ((*TRACE, "--at", "near"), 2, "--at 'near' is not a number"),
        ((*TRACE, "--firmware", "ovmf-smm-2022.11", "--on-firmware", "x"), 2, "boots no firmware with SMM"),
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
    done = quick("powercut", "-q", *arguments)
    assert (done.code, len(done.err.splitlines())) == (code, 1)
    assert words in done.err


@pytest.mark.parametrize("arguments", [("--at", "near"), ("--firmware", "aavmf-1999")])
def test_an_option_that_is_wrong_is_refused_before_the_trace_is_read(quick: Quick, arguments: tuple[str, str]) -> None:
    done = quick("powercut", *TRACE, *arguments)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert arguments[1] in done.err


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


@pytest.mark.slow
def test_the_cuts_of_a_trace_are_told_of_by_cause(quick: Quick) -> None:
    done = quick("powercut", *TRACE, "--whole")
    assert (done.code, done.err) == (
        1,
        "tracetool: the store was written by a firmware like aavmf-2022.11; --firmware chooses another\n",
    )
    assert "virt.flash1 with aavmf-2022.11: 54 commits in 12.8 s, 55 cuts" in done.text
    assert "CUT001: a power cut loses every variable" in done.text
    assert "Cut before and after every commit, all that QEMU's flash can leave." in " ".join(done.text.split())
    assert "avoid Update the firmware: " in " ".join(done.text.split())
    assert "erase in a rewrite of the live block outside FTW, for Hello, MTC: up to 18 of 18 variables" in done.text


@pytest.mark.slow
def test_json_of_a_survey_has_the_costs_and_a_case_of_each(quick: Quick) -> None:
    document = json.loads(quick("powercut", *TRACE, "--whole", "--format", "json").text)
    assert (document["commits"], document["cuts"], document["shard"], document["every_state"]) == (54, 55, "1/1", True)
    costs = [cause["cost"] for cause in document["causes"]]
    assert set(costs) == {"all", "some"}
    for cause in document["causes"]:
        one = json.loads(quick("powercut", *TRACE, "--at", cause["case"], "--format", "json").text)
        assert (one["case"], one["cost"], one["cost_names"]) == (cause["case"], cause["cost"], cause["lost"])


def test_one_cut_is_made_again_and_written(quick: Quick, tmp_path: Path) -> None:
    case = next(
        case
        for case in json.loads(capture_path("powercut/cases.json").read_text())["cases"]
        if case["name"] == "sp-hello-rw-k10"
    )
    image = tmp_path / "cut.fd"
    done = quick("powercut", *TRACE, "--at", str(case["seq"]), "--shape", case["shape"], "--write-image", image)
    assert done.code == 1
    assert "9 of 18 committed variables lost" in done.text
    assert sha256(image.read_bytes()) == case["image_sha256"]
    assert quick("powercut", "--image", image, "--firmware", "aavmf-2022.11").text in done.text


@pytest.mark.slow
def test_a_cut_between_commits_is_that_after_the_last_one(quick: Quick) -> None:
    assert quick("powercut", *TRACE, "--at", "3187").text == quick("powercut", *TRACE, "--at", "3186").text


def test_a_cut_that_costs_nothing_ends_with_0(quick: Quick) -> None:
    done = quick("powercut", *TRACE, "--at", "2273")
    assert done.code == 0
    assert "18 committed variables, none lost" in done.text


@pytest.mark.slow
def test_the_audit_tries_power_cuts_when_asked(quick: Quick) -> None:
    done = quick("audit", *TRACE, "--power-cuts")
    assert done.code == 1
    assert "18 of 18 variables, with aavmf-2022.11; such as case 35ce06c7d25b:" in done.text
    assert "CUT00" not in quick("audit", *TRACE).text


@pytest.mark.slow
def test_a_rule_about_power_cuts_tries_them_when_it_is_asked_for(quick: Quick) -> None:
    rows = quick("findings", *TRACE, "--rule", "CUT001", "--format", "jsonl").text.splitlines()
    assert [json.loads(row)["rule"] for row in rows] == ["CUT001"]


@pytest.mark.slow
def test_second_cuts_are_told(quick: Quick) -> None:
    arguments = ("powercut", *TRACE, "--whole", "--depth", "2")
    done = quick(*arguments)
    assert done.code == 1
    assert "Cut again, while the firmware repairs what such a cut left" in done.text
    document = json.loads(quick(*arguments, "--format", "json").text)
    assert {cut["outcome"] for cut in document["second_cuts"]} == {"reformatted"}
    assert not json.loads(quick(*arguments[:-2], "--format", "json").text)["second_cuts"]


@pytest.mark.parametrize("option", [("--depth", "2"), ("--on-firmware", "runs")])
def test_what_is_about_all_cuts_is_refused_for_one(quick: Quick, option: tuple[str, str]) -> None:
    for arguments in ((PADDING, "--at", "4370"), ("--image", AFTER)):
        done = quick("powercut", *arguments, *option)
        assert done.code == 2
        assert "all cuts" in done.err or "give TRACE" in done.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "Cut before and after every commit, and inside each in some shapes: a sample of what a chip can leave."),
        (("--whole", "--shard", "1/9"), "Cut before and after part 1 of 9 of the commits, a sample."),
        (
            ("--shard", "1/9"),
            "Cut before and after part 1 of 9 of the commits, a sample, and inside each in some shapes",
        ),
    ],
)
@pytest.mark.first_quick
def test_a_survey_of_a_sample_says_so(args: tuple[str, ...], words: str, quick: Quick) -> None:
    assert words in " ".join(quick("powercut", *TRACE, *args).text.split())
    assert not json.loads(quick("powercut", *TRACE, *args, "--format", "json").text)["every_state"]


@pytest.mark.slow
def test_a_trace_of_ovmf_says_that_smm_is_not_known(quick: Quick) -> None:
    folder = capture_path("ovmf-first-boot/trace.log.zst").parent
    done = quick("powercut", folder / "trace.log.zst", "--image", folder / "flash1-before.fd.zst", "--at", "40000")
    assert "like ovmf-2022.11, which is without SMM; if the guest has SMM, give --firmware ovmf-smm-2022.11" in done.err
    assert done.code in (0, 1)
