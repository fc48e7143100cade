from __future__ import annotations

import json
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.captures import capture_path, case_path
from tests.tracetool.ingest.test_uefi_vars import BOOT
from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.ingest.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.tracetool.cli.program import Quick

    Rows = Callable[..., list[dict[str, object]]]

PADDING = str(sample("aavmf-shell-padding/trace.log.zst"))
BEFORE = str(sample("aavmf-shell-padding/flash1-before.fd.zst"))
AFTER = str(sample("aavmf-shell-padding/flash1-after.fd.zst"))


def flash(*entries: tuple[str, str]) -> NDArray[np.uint8]:
    """A blank flash with an environment of U-Boot at its start."""
    data = b"".join(f"{name}={value}\0".encode() for name, value in entries).ljust(0x1FFC, b"\0")
    image = np.full(1 << 20, 0xFF, np.uint8)
    image[:0x2000] = np.frombuffer(zlib.crc32(data).to_bytes(4, "little") + data, np.uint8)
    return image


@pytest.fixture
def rows(quick: Quick) -> Rows:
    """The rows that the command lists."""

    def listed(*args: str) -> list[dict[str, object]]:
        done = quick("variables", *args, "--format", "jsonl")
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.text.splitlines()]

    return listed


def test_the_store_at_the_end_of_a_trace_is_that_of_the_image_it_left(rows: Rows) -> None:
    assert rows(PADDING, "--image", BEFORE, "--deleted") == rows(AFTER, "--deleted")


@pytest.mark.slow
def test_a_variable_is_there_from_the_event_that_added_it(rows: Rows) -> None:
    def names(at: int) -> set[object]:
        return {row["variable"] for row in rows(PADDING, "--image", BEFORE, "--at", str(at))}

    assert "Hello" not in names(2272)
    assert "Hello" in names(2273)
    assert "Hello" in names(4355)
    assert "Hello" not in names(4356)


def test_the_history_of_a_variable(rows: Rows) -> None:
    steps = rows(PADDING, "--image", BEFORE, "--history", "Hello")
    assert [(step["intent"], step["first_seq"], step["last_seq"]) for step in steps] == [
        ("create", 2003, 2273),
        ("mark for deletion", 2363, 2363),
        ("rewrite", 3826, 3826),
        ("update", 3826, 4176),
        ("supersede", 4266, 4266),
        ("delete", 4356, 4356),
    ]


@pytest.mark.slow
def test_operations_name_the_variables_that_they_touch(quick: Quick) -> None:
    query = "var == Hello and intent in (create, delete)"
    table = quick("operations", PADDING, "--image", BEFORE, "--where", query).text.splitlines()
    assert table[0].split()[-3:] == ["part", "variable", "intent"]
    assert table[-1].split()[-3:] == ["state", "Hello", "delete"]
    query = "op == erase and var ~ hello"
    erases = quick("operations", PADDING, "--image", BEFORE, "--where", query, "--format", "csv").text.splitlines()
    assert erases[1].endswith(",variables,CustomMode +17,rewrite,,,")


def test_json_is_the_form_of_qemu(quick: Quick) -> None:
    document = json.loads(quick("variables", AFTER, "--format", "json").text)
    assert document["version"] == 2
    found = {variable["name"]: variable for variable in document["variables"]}
    assert found["Timeout"] == {
        "name": "Timeout",
        "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "attr": 7,
        "data": "0500",
    }


def test_two_stores_are_compared_by_variable(rows: Rows) -> None:
    (mtc,) = rows(AFTER, "--against", BEFORE)
    assert (mtc["variable"], mtc["change"], mtc["value"], mtc["value_after"]) == ("MTC", "changed", "1", "2")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((AFTER, "--history", "Hello"), "need its trace"),
        ((PADDING, "--history", "BootOrdr"), "there is BootOrder"),
        ((AFTER, "--format", "json", "--deleted"), "jsonl"),
        ((PADDING, "--at", "x"), "not a number"),
        ((AFTER, "--against", ""), "--against has no value"),
        ((AFTER, "--board", "virt"), "is an image"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(args: tuple[str, ...], words: str, quick: Quick) -> None:
    done = quick("variables", *args)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_an_image_without_a_store_is_refused(tmp_path: Path, quick: Quick) -> None:
    image = tmp_path / "blank.fd"
    np.full(1 << 20, 0xFF, np.uint8).tofile(image)
    done = quick("variables", str(image))
    assert done.code == 3
    assert "no UEFI variable store" in done.err


def test_names_that_would_act_on_a_terminal_are_shown_harmless(tmp_path: Path, quick: Quick) -> None:
    image = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20)[: 768 << 10]
    at = image.tobytes().index("Timeout".encode("utf-16-le"))
    image[at : at + 8] = np.frombuffer("\x1b[2J".encode("utf-16-le"), np.uint8)
    image.tofile(tmp_path / "flash.fd")
    done = quick("variables", str(tmp_path / "flash.fd"))
    assert done.code == 0
    assert "\x1b" not in done.text


def test_where_there_is_no_store_the_environment_of_u_boot_is_listed(tmp_path: Path, rows: Rows, quick: Quick) -> None:
    flash(("hello", "world\x1b[2J")).tofile(tmp_path / "flash.fd")
    done = quick("variables", tmp_path / "flash.fd")
    assert (done.code, done.err) == (0, "")
    assert "hello" in done.text
    assert "\x1b" not in done.text
    assert rows(str(tmp_path / "flash.fd"))[0]["status"] == "current"
    assert quick("variables", tmp_path / "flash.fd", "--format", "json").code == 2


def test_a_variable_of_which_one_byte_or_attribute_differs_is_a_difference(tmp_path: Path, rows: Rows) -> None:
    """What a value says in words may be the same."""
    image = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20)[: 768 << 10]
    image.tofile(tmp_path / "before.fd")
    image[0x06EC + 4] = 3  # attributes of Boot0001
    image[0x0698 + 60 + 20 + 3] = 1  # the last byte of BootOrder
    image.tofile(tmp_path / "after.fd")
    order, option = rows(str(tmp_path / "after.fd"), "--against", str(tmp_path / "before.fd"))[::-1]
    assert (option["variable"], option["attributes"], option["attributes_after"]) == ("Boot0001", 7, 3)
    assert (order["variable"], order["value"], order["value_after"]) == ("BootOrder", "0000, 0001", "0000, 0101")


def test_a_blank_flash_has_no_variables_to_compare_with(tmp_path: Path, rows: Rows) -> None:
    np.zeros(1 << 20, np.uint8).tofile(tmp_path / "blank.fd")
    found = rows(AFTER, "--against", str(tmp_path / "blank.fd"))
    assert {row["change"] for row in found} == {"added"}
    assert len(found) == 17


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("rc-target-k300", "pending"),
        ("fb-fmt-hdr-w23", "hangs"),
        ("fb-var1-hdr-bits", "reclaims"),
        ("rc-target-erased", "holds a copy of the store at 0x80000"),
    ],
)
def test_a_store_that_the_firmware_does_not_take_as_it_is_is_remarked_on(image: str, words: str, quick: Quick) -> None:
    assert words in quick("variables", capture_path(f"powercut/{image}.fd.zst")).err


def test_a_moment_without_a_store_is_said_to_be_one(quick: Quick) -> None:
    done = quick("variables", sample("aavmf-first-boot/trace.log.zst"), "--at", "1514")
    assert (done.code, "just after event 1514" in done.err) == (3, True)


def test_a_rule_about_variables_follows_them_when_it_is_asked_for(quick: Quick) -> None:
    done = quick("findings", sample("aavmf-first-boot/trace.log.zst"), "--rule", "VAR002", "--format", "jsonl")
    assert json.loads(done.text)["count"] == 14


# --- without a UEFI store in a flash -----------------------------------------------------------------------------


@pytest.fixture
def uefi_vars(tmp_path: Path) -> str:
    """A log of a guest whose variables are in QEMU's uefi-vars device."""
    path = tmp_path / "uefi-vars.log"
    path.write_text("".join(f"4242@1700000000.000000:{line}\n" for line in BOOT))
    return str(path)


def test_the_requests_to_uefi_vars_are_summed_up_by_variable(uefi_vars: str, rows: Rows) -> None:
    told = [(row["variable"], row["reads"], row["writes"], row["refused"]) for row in rows(uefi_vars)]
    assert told == [("Attempt 1, twice", 0, 1, 1), ("BootOrder", 1, 1, 0), ("SetupMode", 0, 1, 0)]


def test_the_history_of_a_variable_in_uefi_vars(uefi_vars: str, rows: Rows) -> None:
    told = [(row["operation"], row["outcome"]) for row in rows(uefi_vars, "--history", "BootOrder")]
    assert told == [("get-variable", "not found"), ("set-variable", "success")]
    assert rows(uefi_vars, "--history", "BootOrder", "--device", "uefi-vars")[0]["device"] == "uefi-vars"
    assert [row["variable"] for row in rows(uefi_vars, "--changes")] == ["SetupMode", "BootOrder", "Attempt 1, twice"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--history", "Nix"), "no request to uefi-vars is about a variable 'Nix'"),
        (("--at", "3", "--device", "uefi-vars"), "no store to show"),
        (("--format", "json"), "--format json"),
    ],
)
def test_what_uefi_vars_does_not_trace_is_refused_in_a_line(
    uefi_vars: str, args: tuple[str, ...], words: str, quick: Quick
) -> None:
    done = quick("variables", uefi_vars, *args)
    assert (done.code, words in done.err, len(done.err.splitlines())) == (2, True, 1)


@pytest.mark.slow
def test_events_of_uefi_vars_change_no_verdict(tmp_path: Path, quick: Quick) -> None:
    with closing(open_source(PADDING)) as source:
        events = source.read_fully(1 << 30).decode().splitlines(keepends=True)
    noise = [f"{line}\n" for line in BOOT]
    mixed = tmp_path / "mixed.log"
    mixed.write_text("".join(line + noise[number % len(noise)] for number, line in enumerate(events)))
    plain, noisy = (json.loads(quick("audit", path, "--format", "json").text) for path in (PADDING, str(mixed)))
    assert noisy["devices"] == plain["devices"]
    assert noisy["verdict"] == plain["verdict"]


@pytest.mark.slow
def test_a_save_of_u_boot_that_failed_is_torn(rows: Rows) -> None:
    (save,) = rows(str(case_path("uboot-saveenv-qemu-2343.log.zst")), "--changes")
    assert (save["outcome"], save["offset"], save["variable"]) == ("torn", 0, None)


def test_an_image_that_begins_like_a_text_is_an_image(tmp_path: Path, quick: Quick) -> None:
    store = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20)[: 768 << 10]
    image = np.full(4 << 20, ord("Z"), np.uint8)
    image[0x300000 : 0x300000 + len(store)] = store
    image.tofile(tmp_path / "flash.fd")
    done = quick("variables", tmp_path / "flash.fd", "--format", "csv")
    assert done.code == 0
    assert "3145828" in done.text.splitlines()[1]
