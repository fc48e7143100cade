from __future__ import annotations

import pytest

from tracetool.timeline.query import (
    EVENTS,
    FINDINGS,
    OPERATIONS,
    VOCABULARIES,
    Column,
    Completion,
    Type,
    Vocabulary,
    complete,
)


def words(text: str, vocabulary: Vocabulary) -> list[str]:
    """What is offered where `|` stands."""
    position = text.index("|")
    return [completion.text for completion in complete(text.replace("|", ""), position, vocabulary)]


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda vocabulary: vocabulary.name)
@pytest.mark.parametrize("before", ["|", "(|", "not |", "first is null and |", "last == 1 or (|"])
def test_a_comparison_begins_with_any_column(vocabulary: Vocabulary, before: str) -> None:
    if vocabulary is EVENTS:
        before = before.replace("first", "boot").replace("last", "seq")
    assert words(before, vocabulary) == [*(column.name for column in vocabulary.columns), "not", "("]


@pytest.mark.parametrize(
    ("vocabulary", "text", "offered"),
    [
        (EVENTS, "off|", ["offset"]),
        (EVENTS, "boot == 1 and t|", ["trace", "time_ns", "t", "thread", "touches", "text"]),
        (EVENTS, "x|", []),
        (EVENTS, "offset |", ["==", "!=", "<", "<=", ">", ">=", "in", "is", "&"]),
        (EVENTS, "offset >|", [">", ">="]),
        (EVENTS, "text |", ["==", "!=", "~", "!~", "in", "is"]),
        (EVENTS, "text !|", ["!=", "!~"]),
        (EVENTS, "text i|", ["in", "is"]),
        (EVENTS, "value & 1 |", ["==", "!=", "<", "<=", ">", ">=", "in"]),
        (EVENTS, "value & |", []),
        (EVENTS, "offset == |", []),
        (EVENTS, "offset == 1|", []),
        (EVENTS, "offset == 1 |", ["and", "or"]),
        (EVENTS, "offset == 1 a|", ["and"]),
        (EVENTS, "(offset == 1 |", ["and", "or", ")"]),
        (EVENTS, "offset in |", ["(", ".."]),
        (EVENTS, "offset in 1 |", ["..", "..="]),
        (EVENTS, "offset in (1 |", [",", ")"]),
        (EVENTS, "offset not |", ["in"]),
        (EVENTS, "offset is |", ["null", "known", "not"]),
        (EVENTS, "offset is not k|", ["known"]),
        (EVENTS, "event == io_|", ["io_write", "io_read"]),
        (EVENTS, "event in (reset, io_|", ["io_write", "io_read"]),
        (EVENTS, "event == io_|write or boot == 1", ["io_write", "io_read"]),
        (OPERATIONS, "outcome == |", ["done", "refused", "discarded", "aborted", "lost"]),
        (OPERATIONS, "op != buffered-|", ["buffered-program"]),
        (OPERATIONS, "op !~ st|", ["status", "stray"]),
        (OPERATIONS, "nonsense == |", []),
        (OPERATIONS, "outcome == wrong and |", []),
        (OPERATIONS, 'device == "|', []),
        (OPERATIONS, "device ~ /|", []),
        (FINDINGS, "severity >= |", ["note", "warning", "error"]),
        (FINDINGS, "rule == |", []),
    ],
)
def test_what_may_stand_there_is_offered(vocabulary: Vocabulary, text: str, offered: list[str]) -> None:
    assert words(text, vocabulary) == offered


def test_the_word_under_the_cursor_is_replaced_whole() -> None:
    assert complete("event == io_rea and boot == 1", 11, EVENTS) == [
        Completion("io_write", 9, 15, ""),
        Completion("io_read", 9, 15, ""),
    ]


def test_a_completion_carries_its_help() -> None:
    (found,) = complete("off", 3, EVENTS)
    assert found.help == "first byte, in the device"


def test_the_devices_of_a_trace_can_be_offered() -> None:
    offering = EVENTS.offering(device=("virt.flash0", "virt.flash1", "two words"))
    assert words("device == |", offering) == ["virt.flash0", "virt.flash1", '"two words"']
    assert words("device ~ virt.|", offering) == ["virt.flash0", "virt.flash1"]
    assert words('device == "two|', offering) == ['"two words"']
    assert words("text == |", offering) == []


def test_truth_is_offered() -> None:
    blocks = Vocabulary("blocks", (Column("outside", Type.BOOL, "used outside the extent"),))
    assert words("outside == |", blocks) == ["true", "false"]
