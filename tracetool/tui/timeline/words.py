"""An explanation as text with colours, for the inspector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from tracetool.browse.harmless import harmless
from tracetool.events import render
from tracetool.report.explanation import change_title, explanation_facts, hex_diff, operation_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracetool.explain import Explanation

__all__ = ["brief", "explained"]

_SEVERITIES = ("error", "warning", "note")


def brief(event: Mapping[str, Any], operation: dict[str, Any] | None, rest: str) -> Text:
    """What is known of an event before it is explained, and what is being done about the rest."""
    text = _title(event)
    if operation is not None:
        text.append(f"\n\n{operation_words(operation)}")
    return text.append(f"\n\n{rest}", style="dim")


def _title(event: Mapping[str, Any]) -> Text:
    return Text(harmless(f"event {event['seq']}: {render(event)}"), style="bold")


def explained(explanation: Explanation, styles: Mapping[str, str]) -> Text:
    """All that is known; `styles` has a colour for each severity, and for `old` and `new` bytes."""
    text = _title(explanation.inspection.event)
    text.append("\n\n")
    text.append(harmless(" ".join(explanation.sentences), 2000))
    text.append("\n")
    for label, words in explanation_facts(explanation):
        text.append(f"\n{label}  ", style=f"bold {styles.get(label, '')}" if label in _SEVERITIES else "dim")
        text.append(harmless(words, 2000))
    for change in explanation.inspection.changes:
        text.append(f"\n\n{change_title(change)}")
        for line in hex_diff(change):
            text.append("\n")
            text.append_text(_recoloured(line, styles))
    return text


def _recoloured(line: Text, styles: Mapping[str, str]) -> Text:
    """The bytes in the colours of the theme; signs and marks say the same without any."""
    ours = {"red": styles.get("old", ""), "green": styles.get("new", "")}
    again = Text(line.plain)
    for span in line.spans:
        again.stylize(ours.get(str(span.style), str(span.style)), span.start, span.end)
    return again
