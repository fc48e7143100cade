"""A finding in full: what, why it matters, how to find its cause, what to do, the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.findings import RULES
from tracetool.tui.drawing import SEVERITY_STYLES, Drawn, hanging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.viewmodel.findings import FindingRow

__all__ = ["Detail"]

LABEL = 12
MOST_CASES = 12


class Detail(Drawn):
    """Shows one `FindingRow`, or words where there is none."""

    DEFAULT_CSS = "Detail { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._row: FindingRow | None = None
        self._words = ""

    def show(self, row: FindingRow) -> None:
        """Show a finding."""
        self._row = row
        self.redraw()

    def say(self, words: str) -> None:
        """Show words instead."""
        self._row, self._words = None, words
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Title, message, then the parts under their labels."""
        row = self._row
        if row is None:
            yield from Content.styled(self._words, "$foreground-muted").wrap(width)
            return
        style = f"bold {SEVERITY_STYLES[row.severity]}"
        head = (f"{row.sign} {row.severity.label} {row.rule}", style)
        yield from Content.assemble(head, "  ", (RULES[row.rule].title, "bold")).wrap(width)
        yield from Content(f"{row.device}: {row.message}" if row.device else row.message).wrap(width)
        for label, words in self._parts(row):
            yield Content("")
            yield from hanging(Content.styled(label, "$foreground-muted"), words, width, LABEL)

    def _parts(self, row: FindingRow) -> Iterator[tuple[str, str]]:
        rule = RULES[row.rule]
        yield "why", rule.why
        yield "what to do", rule.remedy
        yield "cause", rule.cause
        yield "evidence", row.evidence
        if len(row.cases) > 1:
            rest = len(row.cases) - MOST_CASES
            more = f", and {rest:,} more: tracetool findings --rule {row.rule} lists them" if rest > 0 else ""
            yield "events", ", ".join(case.words for case in row.cases[:MOST_CASES]) + more
        yield "", "Enter shows its first event" if row.target else "it is about the device or the trace as a whole"
