"""The story: episodes between pauses, few however long the trace is."""

from __future__ import annotations

import numpy as np

from replay.columns import OpKind, Outcome
from tests.captures import capture_path
from tests.tracetool.traces import replayed
from tracetool.analysis.options import Options
from tracetool.report.story import story_lines
from tracetool.timeline.sectors import Sectors
from tracetool.timeline.story import MOST_EPISODES, PAUSE_NS, Story
from tracetool.timeline.sums import NO_TIME, Sums

BLOCK = 0x1000


def sums(*times: int, kind: OpKind = OpKind.PROGRAM, boot: int = 1, trace: int = 0) -> Sums:
    """Operations at these times, one after the other."""
    numbers = 10 * np.arange(len(times))
    alike = {"kind": kind, "boot": boot, "low": 0, "high": 4, "command_offset": 0, "programmed": 4}
    columns = {name: np.full(len(times), value) for name, value in (alike | {"outcome": Outcome.DONE}).items()}
    when = np.array(times, np.int64)
    return Sums(columns | {"first_seq": numbers, "last_seq": numbers + 9, "time_ns": when, "end_ns": when}, trace)


def test_a_pause_ends_an_episode() -> None:
    story = Story(Sectors(BLOCK))
    story.add(sums(0, PAUSE_NS, 2 * PAUSE_NS + 1))
    assert [episode.programs for episode in story.episodes] == [2, 1]


def test_a_boot_and_a_trace_end_an_episode() -> None:
    story = Story(Sectors(BLOCK))
    story.add(sums(0))
    story.add(sums(1, boot=2))
    story.add(sums(2, boot=2, trace=1))
    assert len(story.episodes) == 3


def test_without_times_there_is_one_episode() -> None:
    story = Story(Sectors(BLOCK))
    story.add(sums(*[NO_TIME] * 50))
    assert [episode.programs for episode in story.episodes] == [50]


def test_a_long_trace_has_few_episodes_and_loses_nothing() -> None:
    story = Story(Sectors(BLOCK))
    for number in range(40):
        story.add(sums(*(PAUSE_NS * 2 * (number * 100 + step) for step in range(100))))
    assert len(story.episodes) <= MOST_EPISODES
    assert sum(episode.programs for episode in story.episodes) == 4_000
    assert sum(episode.bytes_programmed for episode in story.episodes) == 16_000


def test_many_boots_are_joined_in_the_end() -> None:
    story = Story(Sectors(BLOCK))
    for boot in range(2 * MOST_EPISODES):
        story.add(sums(boot, kind=OpKind.ERASE, boot=boot))
    assert len(story.episodes) <= MOST_EPISODES
    assert sum(episode.erases.total() for episode in story.episodes) == 2 * MOST_EPISODES


def test_the_padding_capture_tells_its_story() -> None:
    found = replayed([capture_path("aavmf-shell-padding/trace.log.zst")], Options(story=True))
    lines = list(story_lines(found.devices["virt.flash1"], found.traces[0].start_ns))
    assert len(lines) == 5
    assert lines[0] == (
        "0.350614 s",
        "writes the variable store's header: erases block 0; 23 buffered programs, 2,944 B, 0x0000 to 0x0900",
    )
    assert lines[-1] == ("14.643056 s", "1 single program, 4 B, 0x100000 to 0x100004")
