"""Explanations: words for everything there is, and the right ones for what happened."""

from __future__ import annotations

import io
import string
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from replay.backing import Policy
from replay.cfi import Opcode
from replay.columns import Effect
from tests.captures import capture_path
from tests.tracetool.logs import log
from tests.tracetool.traces import reader
from tracetool.analysis.inspection import Inspection
from tracetool.analysis.options import Options
from tracetool.errors import UsageError
from tracetool.events import EVENT_NAMES
from tracetool.explain import Explanation, explain
from tracetool.explain.phrases import event_words, words
from tracetool.report.explanation import print_explanation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.logs import Log

FLASH0, FLASH1 = "virt.flash0", "virt.flash1"
PADDING = "aavmf-shell-padding/trace.log.zst"


def explained(trace: Path | str, seq: int, options: Options | None = None) -> Explanation:
    return explain([reader(trace)], options or Options(), seq)


def text_of(explanation: Explanation) -> str:
    out = io.StringIO()
    print_explanation(explanation, Console(file=out, width=160, color_system=None, highlight=False))
    return out.getvalue()


# --- words for everything ----------------------------------------------------------------------------------------

ROW = dict.fromkeys(
    ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region", "text", "time_ns", "thread")
)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_has_words_with_and_without_values(name: str) -> None:
    bare = {**ROW, "event": name, "seq": 0}
    full = {**bare, "offset": 64, "size": 4, "value": 7, "cmd": 0x40, "length": 512, "region": 4096, "text": "ro"}
    for row in (bare, full):
        (sentence,) = event_words(Inspection(row))
        assert sentence.endswith(".")
        assert "{" not in sentence


def test_no_words_are_for_events_that_do_not_exist() -> None:
    assert set(words()["events"]) == set(EVENT_NAMES)


def test_every_command_effect_and_policy_has_words() -> None:
    assert set(words()["commands"]) == {*(command.name for command in Opcode), "STRAY"}
    assert set(words()["effects"]) == {effect.name for effect in Effect}
    assert set(words()["policies"]) == {policy.name for policy in Policy}


def test_words_ask_only_for_fields_that_are_filled_in() -> None:
    known = {"offset", "size", "value", "cmd", "length", "region", "count", "text", "low"}
    for chapter in words().values():
        for phrase in chapter.values():
            assert {name for _, name, _, _ in string.Formatter().parse(phrase) if name} <= known


# --- the right words ---------------------------------------------------------------------------------------------

WRITE = words()["cycles"]


@pytest.mark.parametrize(
    ("trace", "phrase"),
    [
        (log(FLASH1).reset().write(0, 0xE800E8), words()["commands"]["BUFFERED_PROGRAM"]),
        (log(FLASH1).reset().write(0, 0x123456), words()["commands"]["STRAY"].format(low="0x56")),
        (log(FLASH1).reset().write(0, 0xB000B0), words()["commands"]["STRAY"].format(low="0xb0")),
        (log(FLASH1).reset().program(0, 7), WRITE["program_data"]),
        (log(FLASH1).reset().erase(0), WRITE["erase_confirm"]),
        (log(FLASH1).reset().write(0, 0x200020).write(0, 0xFF00FF, wcycle=1), WRITE["erase_wrong"]),
        (log(FLASH1).reset().unlock(0), WRITE["unlock"]),
        (log(FLASH1).reset().write(0, 0x600060).write(0, 0x10001, wcycle=1), WRITE["lock"]),
        (log(FLASH1).reset().write(0, 0x600060).write(0, 0x770077, wcycle=1), WRITE["lock_wrong"]),
        (log(FLASH1).reset().write(0, 0x980098).write(0, 0xFF00FF, wcycle=1), WRITE["query_leave"]),
        (log(FLASH1).reset().write(0, 0x980098).write(0, 0x120012, wcycle=1), WRITE["query_stay"]),
        (log(FLASH1).reset().buffered(0, 1, 2), WRITE["confirm"]),
        (log(FLASH1).write(0, 7, wcycle=1), WRITE["unknown"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_last_write_is_explained(trace: Log, phrase: str) -> None:
    lines = trace.text.splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("pflash_io_write"))
    assert phrase in explained(trace.text, last).sentences


def test_a_count_says_how_many_words_follow() -> None:
    trace = log(FLASH1).reset().buffered(0, 1, 2, 3)
    assert WRITE["count"].format(count="3") in explained(trace.text, 3).sentences


def test_the_count_is_as_wide_as_the_chip() -> None:
    """Two x8 chips side by side, each of which gets a count of its own."""
    trace = log(FLASH1).reset().buffered(0, 1, 2, 3).text.replace("value:0x20002 wcycle:1", "value:0x02020202 wcycle:1")
    assert "0x02020202" in trace
    narrow = Options(geometries={FLASH1: "chip=1,max-chip=1"})
    assert WRITE["count"].format(count="3") in explained(trace, 3, narrow).sentences


@pytest.mark.slow
def test_a_word_says_how_many_are_to_come() -> None:
    trace = log(FLASH1).reset().buffered(0, 1, 2, 3).text
    writes = [at for at, line in enumerate(trace.splitlines()) if "wcycle:2" in line]
    phrases = [WRITE["words"].format(count="2"), WRITE["words"].format(count="1"), WRITE["last_word"]]
    assert len(writes) == len(phrases)
    for at, phrase in zip(writes, phrases, strict=True):
        assert phrase in explained(trace, at).sentences
    rest = "".join(f"{line}\n" for line in trace.splitlines()[writes[1] :] if "data_write" not in line)
    assert WRITE["word"] in explained(rest, 0).sentences


@pytest.mark.slow
def test_the_write_into_the_padding_is_explained_whole(unpacked: Callable[[str], Path]) -> None:
    image = unpacked("aavmf-shell-padding/flash1-before.fd.zst")
    found = explained(capture_path(PADDING), 4370, Options(images={FLASH1: image}))
    assert found.inspection.before is not None
    assert found.inspection.after is not None
    assert (found.inspection.before.wcycle, found.inspection.after.wcycle) == (1, 0)
    (change,) = found.inspection.changes
    assert change.before.tolist() == [0, 0, 0, 0]
    assert change.after.tolist() == [0x40, 0, 0x40, 0]
    assert found.operation is not None
    assert (found.operation["first_seq"], found.operation["last_seq"]) == (4368, 4370)
    assert {finding.rule for finding in found.findings} == {"EXT001", "EXT005", "NOR001", "NOR006", "NOR008"} - {
        "NOR006"
    }
    assert found.policy == words()["policies"]["DISCARD"]
    shown = text_of(found)
    assert "  - 00100000  00 00 00 00\n  + 00100000  40 00 40 00\n              ^^    ^^\n" in shown
    assert "cmd 0x40 (program), wcycle 1" in shown


@pytest.mark.slow
def test_a_program_that_changes_one_byte_shows_its_line_alone(unpacked: Callable[[str], Path]) -> None:
    image = unpacked("aavmf-shell-padding/flash1-before.fd.zst")
    shown = text_of(explained(capture_path(PADDING), 4356, Options(images={FLASH1: image})))
    assert "128 B at 0x0880, in the flash and in the image file: 1 B changed" in shown
    assert shown.count("\n  + ") == 1


def test_bytes_that_were_not_known_are_shown_so() -> None:
    shown = text_of(explained(log(FLASH1).reset().program(0, 0x12345678).text, 3))
    assert "  - 00000000  ?? ?? ?? ??\n  + 00000000  78 56 34 12\n" in shown
    assert "4 B were not known" in shown


@pytest.mark.slow
def test_an_erase_shows_a_few_lines_and_counts_the_rest(unpacked: Callable[[str], Path]) -> None:
    image = unpacked("aavmf-shell-padding/flash1-before.fd.zst")
    shown = text_of(explained(capture_path(PADDING), 112, Options(images={FLASH1: image})))
    assert "more lines that differ" in shown
    assert len(shown.splitlines()) < 40


def test_under_a_policy_the_chip_may_be_in_another_state() -> None:
    trace = log(FLASH1).reset().write(0x100000, 0x400040).write(0x100, 7, wcycle=1).read_array()
    found = explained(trace.text, 3, Options(extents={FLASH1: 0xC0000}))
    assert found.policy is not None
    assert "another state" in found.policy


def test_an_event_that_is_not_there_is_an_error_that_says_what_is() -> None:
    with pytest.raises(UsageError, match="the trace has events 0 to 4382"):
        explained(capture_path(PADDING), 4383)


def test_an_event_of_a_device_that_is_not_replayed_is_explained_without_state() -> None:
    trace = "pflash_chip_erase_start music.flash: start chip erase\n"
    found = explained(trace, 0)
    assert found.inspection.step is None
    assert "replayed" in text_of(found)


@pytest.mark.parametrize("seq", [0, 2, 6, 10, 112, 4285, 4287, 4300, 4356, 4357])
@pytest.mark.first_quick
def test_ten_kinds_of_events_of_a_real_boot_are_explained(seq: int) -> None:
    found = explained(capture_path(PADDING), seq)
    assert found.sentences
    assert text_of(found).startswith(f"event {seq}: ")
