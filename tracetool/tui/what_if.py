"""What if: policies and extents side by side, and the bar over views that show one of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.errors import TracetoolError
from tracetool.sanitize import sanitize
from tracetool.tui.drawing import Drawn
from tracetool.tui.over_screen import OverScreen
from tracetool.viewmodel.audit_session import Cancelled, Progress, Settings
from tracetool.viewmodel.what_if_table import TITLES, aligned, audited, variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["WhatIfBar", "WhatIfScreen"]


class WhatIfBar(Drawn):
    """Says that the views show other settings than those given, and the key back."""

    DEFAULT_CSS = "WhatIfBar { height: 1; padding: 0 1; display: none; background: $warning; color: $background; }"

    def __init__(self) -> None:
        super().__init__()
        self._words = ""

    def say(self, words: str) -> None:
        """Show the settings; hide the bar for none."""
        self._words = words
        self.display = bool(words)
        self.refresh()

    def lines(self, width: int) -> Iterator[Content]:
        """The settings."""
        words = f"▲ WHAT IF: {sanitize(self._words)} │ Backspace goes back to the settings given, P compares"
        yield Content.styled(words, "bold").truncate(width, ellipsis=True)


class WhatIfScreen(OverScreen[Settings | str]):
    """Table of variants, filled as they are audited; returns the settings to show, or `type` to type others."""

    BINDINGS: ClassVar = [("escape,q", "close", "Close"), ("P,colon", "type", "Type others")]

    def __init__(self, session: AuditSession) -> None:
        super().__init__()
        self._session = session
        self._variants = variants(session)
        self._rows: list[tuple[tuple[str, ...], ...]] = [()] * len(self._variants)
        self._findings = [""] * len(self._variants)
        self._progress = Progress()

    def compose(self) -> ComposeResult:
        """A line for each variant."""
        listed = OptionList(markup=False)
        listed.border_title = "What if (1-9 or Enter shows it, P types others, Esc closes)"
        listed.border_subtitle = "reads that differ, writes torn or refused, bytes lost at a restart"
        yield listed

    def on_mount(self) -> None:
        """Audit the variants, one after the other."""
        self._draw()
        self.run_worker(self._audit(), exclusive=True)

    def on_unmount(self) -> None:
        """Stop the audit that is under way."""
        self._progress.stop.set()

    async def _audit(self) -> None:
        for number, variant in enumerate(self._variants):
            try:
                found = await asyncio.to_thread(audited, self._session, variant, self._progress.report)
                self._rows[number], self._findings[number] = tuple(found.rows()), found.findings()
            except Cancelled:
                return
            except TracetoolError as error:
                self._rows[number] = ((variant.name, "", sanitize(str(error)), *[""] * (len(TITLES) - 3)),)
            if self.is_attached:
                self._draw()

    def _draw(self) -> None:
        """Draw the table: a line of titles, then an option for each variant, which may have several lines."""
        waiting = [((variant.name, "", "auditing …", *[""] * (len(TITLES) - 3)),) for variant in self._variants]
        groups = [rows or waiting[number] for number, rows in enumerate(self._rows)]
        lines = aligned([TITLES, *(row for rows in groups for row in rows)])
        listed = self.query_one(OptionList)
        before = listed.highlighted
        listed.clear_options()
        listed.add_option(Option(Content.styled(f"     {lines[0]}", "bold $foreground-muted"), disabled=True))
        at = 1
        for number, rows in enumerate(groups, 1):
            sign = "● " if self._variants[number - 1].now else "  "
            head = f"{number:>2} {sign}" if number <= 9 else f"   {sign}"  # noqa: PLR2004  digits
            texts = [f"{head if not line else '     '}{lines[at + line]}" for line in range(len(rows))]
            at += len(rows)
            if self._findings[number - 1]:
                texts.append(f"     the findings now, {self._findings[number - 1]}")
            listed.add_option(Option(Content("\n".join(texts))))
        listed.highlighted = before if before is not None else 1

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the settings of the variant."""
        event.stop()
        self._choose(event.option_index - 1)

    def on_key(self, event: events.Key) -> None:
        """Choose a variant by its number."""
        key = event.character or ""
        if key.isascii() and key.isdecimal() and 0 < int(key) <= len(self._variants):
            event.stop()
            self._choose(int(key) - 1)

    def _choose(self, number: int) -> None:
        if 0 <= number < len(self._variants):
            self.close(self._variants[number].settings)

    def action_type(self) -> None:
        """Ask for other settings."""
        self.close("type")
