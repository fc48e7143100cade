from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.tracetool.cli.program import tracetool
from tracetool.bundled import sample
from tracetool.images import load_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PADDING = str(sample("aavmf-shell-padding/trace.log.zst"))
BEFORE = str(sample("aavmf-shell-padding/flash1-before.fd.zst"))
AFTER = str(sample("aavmf-shell-padding/flash1-after.fd.zst"))


def flash(*entries: tuple[str, str]) -> NDArray[np.uint8]:
    """A blank flash with an environment of U-Boot at its start."""
    data = b"".join(f"{name}={value}\0".encode() for name, value in entries).ljust(0x1FFC, b"\0")
    image = np.full(1 << 20, 0xFF, np.uint8)
    image[:0x2000] = np.frombuffer(zlib.crc32(data).to_bytes(4, "little") + data, np.uint8)
    return image


def rows(*args: str) -> list[dict[str, object]]:
    done = tracetool("variables", *args, "--format", "jsonl")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.text.splitlines()]


def test_the_store_at_the_end_of_a_trace_is_that_of_the_image_it_left() -> None:
    assert rows(PADDING, "--image", BEFORE, "--deleted") == rows(AFTER, "--deleted")


def test_a_variable_is_there_from_the_event_that_added_it() -> None:
    def names(at: int) -> set[object]:
        return {row["variable"] for row in rows(PADDING, "--image", BEFORE, "--at", str(at))}

    assert "Hello" not in names(2272)
    assert "Hello" in names(2273)
    assert "Hello" in names(4355)
    assert "Hello" not in names(4356)


def test_the_history_of_a_variable() -> None:
    steps = rows(PADDING, "--image", BEFORE, "--history", "Hello")
    assert [(step["intent"], step["first_seq"], step["last_seq"]) for step in steps] == [
        ("create", 2003, 2273),
        ("mark for deletion", 2363, 2363),
        ("rewrite", 3826, 3826),
        ("update", 3826, 4176),
        ("supersede", 4266, 4266),
        ("delete", 4356, 4356),
    ]


def test_json_is_the_form_of_qemu() -> None:
    document = json.loads(tracetool("variables", AFTER, "--format", "json").text)
    assert document["version"] == 2
    found = {variable["name"]: variable for variable in document["variables"]}
    assert found["Timeout"] == {
        "name": "Timeout",
        "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "attr": 7,
        "data": "0500",
    }


def test_two_stores_are_compared_by_variable() -> None:
    (mtc,) = rows(AFTER, "--against", BEFORE)
    assert (mtc["variable"], mtc["change"], mtc["value"], mtc["value_after"]) == ("MTC", "changed", "1", "2")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((AFTER, "--history", "Hello"), "need the trace"),
        ((PADDING, "--history", "BootOrdr"), "there is BootOrder"),
        ((AFTER, "--format", "json", "--deleted"), "jsonl"),
        ((PADDING, "--at", "x"), "not a number"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(args: tuple[str, ...], words: str) -> None:
    done = tracetool("variables", *args)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_an_image_without_a_store_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "blank.fd"
    np.full(1 << 20, 0xFF, np.uint8).tofile(image)
    done = tracetool("variables", str(image))
    assert done.code == 3
    assert "no UEFI variable store" in done.err


def test_names_that_would_act_on_a_terminal_are_shown_harmless(tmp_path: Path) -> None:
    image = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20)[: 768 << 10]
    at = image.tobytes().index("Timeout".encode("utf-16-le"))
    image[at : at + 8] = np.frombuffer("\x1b[2J".encode("utf-16-le"), np.uint8)
    image.tofile(tmp_path / "flash.fd")
    done = tracetool("variables", str(tmp_path / "flash.fd"))
    assert done.code == 0
    assert "\x1b" not in done.text


def test_where_there_is_no_store_the_environment_of_u_boot_is_listed(tmp_path: Path) -> None:
    flash(("hello", "world\x1b[2J")).tofile(tmp_path / "flash.fd")
    done = tracetool("variables", tmp_path / "flash.fd")
    assert (done.code, done.err) == (0, "")
    assert "hello" in done.text
    assert "\x1b" not in done.text
    assert rows(str(tmp_path / "flash.fd"))[0]["status"] == "current"
    assert tracetool("variables", tmp_path / "flash.fd", "--format", "json").code == 2
