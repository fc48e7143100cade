from __future__ import annotations

from tests.tracetool.viewmodel.samples import OUTSIDE, both, padding
from tracetool.viewmodel.bookmark_lines import bookmark_lines
from tracetool.viewmodel.state_file import Bookmark
from tracetool.viewmodel.tables import Tables


def test_a_bookmark_has_the_time_the_operation_and_the_place_of_its_event() -> None:
    marks = [Bookmark(0, 112), Bookmark(0, OUTSIDE, "here \x1b[2J")]
    first, second = bookmark_lines(Tables(padding()), marks)
    assert (first.event, second.event) == ("event 112  ", "event 4,370")
    assert "erase" in first.about
    assert "0x0000, 256 KiB" in first.about
    assert second.about.split() == ["14.643204", "s", "program", "0x100000,", "4", "B"]
    assert second.note == "here \\x1b[2J"
    assert len(first.about) == len(second.about)


def test_events_that_are_not_there_have_nothing_to_tell() -> None:
    (line,) = bookmark_lines(Tables(both()), [Bookmark(7, 1, "gone")])
    assert (line.event, line.about.strip(), line.note) == ("trace 7, event 1", "", "gone")
