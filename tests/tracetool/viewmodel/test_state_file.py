from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.viewmodel.filters import Chip
from tracetool.viewmodel.state_file import Bookmark, SavedState, content_key, memory_path, recall, remember

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = st.integers(0, 2**63 - 1)
MEMORIES = st.builds(
    SavedState,
    bookmarks=st.lists(st.builds(Bookmark, NUMBERS, NUMBERS, st.text(max_size=40))).map(lambda b: tuple(sorted(b))),
    view=st.none() | st.text(max_size=20),
    chips=st.lists(st.builds(Chip, st.text(max_size=200), st.text(max_size=20))).map(tuple),
    trace=NUMBERS,
    seq=st.none() | NUMBERS,
    theme=st.none() | st.text(max_size=20),
)


@given(memory=MEMORIES)
def test_what_is_remembered_is_recalled(memory: SavedState, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = memory_path("key", tmp_path_factory.mktemp("state"))
    assert remember(memory, path) is None
    assert recall(path) == (memory, None)


def test_a_trace_that_was_never_looked_at_has_nothing_and_that_is_no_error(tmp_path: Path) -> None:
    assert recall(memory_path("key", tmp_path)) == (SavedState(), None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": "other"}',
        '{"schema": "tracetool.memory/1", "bookmarks": 1}',
        '{"schema": "tracetool.memory/1", "bookmarks": [{"trace": -1, "seq": 0}]}',
        '{"schema": "tracetool.memory/1", "bookmarks": [{"trace": 0, "seq": "1"}]}',
        '{"schema": "tracetool.memory/1", "view": 1}',
        '{"schema": "tracetool.memory/1", "seq": true}',
        "[" * 100_000,
        "\x1b[2J",
    ],
)
def test_a_damaged_file_is_reported_and_not_used(text: str, tmp_path: Path) -> None:
    path = memory_path("key", tmp_path)
    path.parent.mkdir()
    path.write_text(text)
    memory, wrong = recall(path)
    assert memory == SavedState()
    assert wrong is not None
    assert wrong.isprintable()
    assert "not used" in wrong


def test_a_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    path = memory_path("key", tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00")
    assert recall(path)[1] is not None


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("in the way")
    words = remember(SavedState(), memory_path("key", tmp_path))
    assert words is not None
    assert "remembered" in words


def test_one_bookmark_an_event_the_last_note_stands() -> None:
    memory = SavedState().marked(Bookmark(0, 7, "first")).marked(Bookmark(0, 3)).marked(Bookmark(0, 7, "second"))
    assert [(b.seq, b.note) for b in memory.bookmarks] == [(3, ""), (7, "second")]
    assert memory.bookmark(0, 7) == Bookmark(0, 7, "second")
    assert memory.unmarked(0, 7).bookmarks == (Bookmark(0, 3),)
    assert memory.bookmark(1, 7) is None


# --- which trace it is -------------------------------------------------------------------------------------------


def test_a_trace_is_known_by_its_contents_wherever_it_lies(tmp_path: Path) -> None:
    one, other, third = tmp_path / "one", tmp_path / "other", tmp_path / "third"
    one.write_text("a trace")
    other.write_text("a trace")
    third.write_text("a tracf")
    assert content_key([str(one)]) == content_key([str(other)]) != content_key([str(third)])
    assert content_key([str(one), str(third)]) != content_key([str(third), str(one)])


def test_a_long_trace_is_known_by_pieces_of_it(tmp_path: Path) -> None:
    long = tmp_path / "long"
    long.write_bytes(bytes(40 << 20))
    key = content_key([str(long)])
    with long.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert key is not None
    assert content_key([str(long)]) != key


def test_a_folder_is_its_files_and_a_stream_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "ctf").mkdir()
    (tmp_path / "ctf" / "metadata").write_bytes(gzip.compress(b"x", mtime=0))
    assert content_key([str(tmp_path / "ctf")]) is not None
    assert content_key(["-"]) is None
    assert content_key([str(tmp_path / "missing")]) is None
