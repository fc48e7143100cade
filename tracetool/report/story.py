"""Story of a trace: its episodes as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of
from tracetool.report.frames import seconds
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device
    from tracetool.timeline.story import Episode

__all__ = ["story_lines"]

_MOST_LINES = 12
_MOST_BLOCKS = 4


def story_lines(device: Device, start_ns: int | None) -> Iterator[tuple[str, str]]:
    """Time and phrase of each episode in which something was written."""
    if device.story is None:
        return
    episodes = [episode for episode in device.story.episodes if episode.wrote]
    several = len({(episode.trace, episode.boot) for episode in episodes}) > 1
    for episode in episodes[:_MOST_LINES]:
        yield _when(episode, start_ns, several=several), _what(episode, device)
    if len(episodes) > _MOST_LINES:
        rest = episodes[_MOST_LINES:]
        yield "", f"... and {count_of(len(rest), 'more episode')}, to event {rest[-1].last_seq:,}: see operations"


def _when(episode: Episode, start_ns: int | None, *, several: bool) -> str:
    boot = f"boot {episode.boot}, " if several else ""
    if episode.start_ns is None or start_ns is None:
        return f"{boot}event {episode.first_seq:,}"
    return f"{boot}{seconds(episode.start_ns - start_ns)} s"


def _what(episode: Episode, device: Device) -> str:
    parts = []
    if episode.erases:
        parts.append(_erases(episode))
    if episode.buffered_programs or episode.programs:
        parts.append(_programs(episode))
    if episode.refused:
        parts.append(f"{episode.refused:,} refused or given up")
    if episode.strays:
        parts.append(count_of(episode.strays, "stray write"))
    words = "; ".join(parts)
    at = device.extent_event
    if at is not None and at[0] == episode.trace and episode.first_seq <= at[1] <= episode.last_seq:
        return f"writes the variable store's header: {words}"
    return words


def _erases(episode: Episode) -> str:
    """Name the erased blocks, with counts above 1."""
    blocks = episode.erases.most_common(_MOST_BLOCKS)
    shown = ", ".join(f"{block} ({count:,} x)" if count > 1 else str(block) for block, count in sorted(blocks))
    rest = len(episode.erases) - len(blocks)
    more = f" and {rest:,} more (see blocks)" if rest else ""
    return f"erases block{'s' if len(episode.erases) > 1 else ''} {shown}{more}"


def _programs(episode: Episode) -> str:
    kinds = []
    if episode.buffered_programs:
        kinds.append(count_of(episode.buffered_programs, "buffered program"))
    if episode.programs:
        kinds.append(count_of(episode.programs, "single program"))
    words = f"{' and '.join(kinds)}, {episode.bytes_programmed:,} B"
    if episode.low is not None and episode.high is not None:
        words += f", {format_offset(episode.low)} to {format_offset(episode.high)}"
    return words
