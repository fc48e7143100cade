"""Lines of an explanation, for the inspector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.content import Content

from tracetool.events import render
from tracetool.report.explanation import Side, change_title, explanation_facts, hex_diff, operation_words
from tracetool.sanitize import sanitize
from tracetool.timeline.chain import CALLED_BY
from tracetool.tui.drawing import SEVERITY_STYLES, hanging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from replay.journal import Change
    from tracetool.explain import Explanation

__all__ = ["brief", "explained"]

_LABEL = 11
_WIDE = 62
"""Columns of a line of sixteen bytes."""

_STYLES = {Side.BEFORE: "$text-warning", Side.AFTER: "$text-primary"}
"""Colours of the bytes before and after; signs and marks say the same without any."""


def brief(event: Mapping[str, Any], operation: dict[str, Any] | None, rest: str, width: int) -> Iterator[Content]:
    """Draw an event before it is explained; `rest` is the progress."""
    yield from _title(event, width)
    if operation is not None:
        yield from _fact("operation", operation_words(operation), width)
    yield Content("")
    yield from Content.styled(sanitize(rest), "$foreground-muted").wrap(width)


def _title(event: Mapping[str, Any], width: int) -> Iterator[Content]:
    words = Content.assemble((f"event {event['seq']:,}", "bold"), f"  {sanitize(render(event))}")
    yield from words.wrap(width)
    yield Content("")


def explained(explanation: Explanation, width: int) -> Iterator[Content]:
    """Draw an explanation."""
    yield from _title(explanation.inspection.event, width)
    yield from Content.styled(sanitize(" ".join(explanation.sentences)), "bold").wrap(width)
    yield Content("")
    for label, words in explanation_facts(explanation):
        lines = words.split(CALLED_BY) if label == "chain" else [words]
        for number, line in enumerate(lines):
            yield from _fact("" if number else label, sanitize(line), width)
    for finding in explanation.findings:
        head = Content.styled(finding.severity.label, f"bold {SEVERITY_STYLES[finding.severity]}")
        yield from hanging(head, sanitize(f"{finding.rule}: {finding.message}"), width, _LABEL)
    for change in explanation.inspection.changes:
        yield from _change(change, explanation.structure, width)


def _fact(label: str, words: str, width: int) -> Iterator[Content]:
    yield from hanging(Content.styled(label, "$foreground-muted"), words, width, _LABEL)


def _change(change: Change, structure: Callable[[int], str | None], width: int) -> Iterator[Content]:
    yield Content("")
    yield from Content(change_title(change)).wrap(width)
    for line in hex_diff(change, 16 if width >= _WIDE else 8, structure=structure):
        words = Content.assemble(*((part, "" if side is None else _STYLES[side]) for part, side in line))
        yield from [words] if words.cell_length <= width else words.wrap(width)
