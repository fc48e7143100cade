"""The card of a device: verdict, why, the flash as a bar, and the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.audit.figures import Unit
from tracetool.audit.flash import Use
from tracetool.report.facts import Topic, figure_text
from tracetool.sizes import format_size
from tracetool.tui.drawing import VERDICT_STYLES, Drawn, hanging
from tracetool.viewmodel.flash_bar import close_up, draw_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.audit.flash import FlashUse
    from tracetool.viewmodel.flash_bar import BarCell
    from tracetool.viewmodel.overview import DeviceCard

__all__ = ["Card"]

LABEL = 12
"""Columns of a fact's label."""

BAR = 9
"""Columns of a bar's label."""

ROOMY, TALL = 90, 40
"""Columns of a card, or lines of the screen, from which it shows every fact and not only those of the answer."""

_BACKING = ("minimum_backing_bytes", "saved_bytes", "saved_bytes_all_guests")
_ANSWERING = {Topic.BOARD, Topic.EXTENT, Topic.POLICY, Topic.SELF_CHECK}
"""Facts that answer the question."""

_GLYPHS = {Use.UNTOUCHED: "░", Use.PROGRAMMED: "▓", Use.ERASED: "█", Use.REFUSED: "×", Use.OUTSIDE: "✖"}  # noqa: RUF001
_STYLES = {
    Use.UNTOUCHED: "$foreground-muted",
    Use.PROGRAMMED: "$text-primary",
    Use.ERASED: "$text-accent",
    Use.REFUSED: "bold $text-warning",
    Use.OUTSIDE: "bold $text-error",
}
_BEYOND = "·"
_LINE = "bold $foreground"


class Card(Drawn):
    """Shows one `DeviceCard`; the colour of its edge is that of the verdict."""

    DEFAULT_CSS = """
    Card {
        padding: 0 1; border: round $foreground 30%;
        &.outside-extent { border: round $error; }
        &.inconclusive { border: round $warning; }
        &.within-extent { border: round $success; }
    }
    """

    def __init__(self, card: DeviceCard) -> None:
        super().__init__(classes=str(card.verdict))
        self.card = card

    def show(self, card: DeviceCard) -> None:
        """Show another card."""
        if card == self.card:
            return
        self.card = card
        self.set_classes(str(card.verdict))
        self.redraw()

    def _has_room(self, width: int) -> bool:
        return width >= ROOMY or self.app.size.height >= TALL

    def lines(self, width: int) -> Iterator[Content]:
        """Draw the card, the answer first."""
        card = self.card
        style = VERDICT_STYLES[card.verdict]
        title = Content.assemble((f"{card.sign} {card.name}", "bold"), "  ", (str(card.verdict), style))
        yield from title.wrap(width)
        for reason in card.reasons:
            yield from hanging("", reason, width, 2)
        if not card.quiet:
            yield from self._backing(width)
            yield from self._bars(width)
        yield from self._counts(width)
        yield from self._facts(width)

    def _backing(self, width: int) -> Iterator[Content]:
        sizes = [figure for figure in self.card.figures if figure.key in _BACKING]
        if sizes:
            smallest, *saved = sizes
            parts = (f" · {figure_text(figure)} {figure.label}" for figure in saved)
            words = Content.assemble((figure_text(smallest), "bold"), *parts)
            label = smallest.label
            yield from hanging(Content.styled(label, "$foreground-muted"), words, width, len(label) + 2)

    def _counts(self, width: int) -> Iterator[Content]:
        if self.card.passing:
            yield from _fact("passing", f"the filter: {self.card.passing}", width)
        counts = [figure for figure in self.card.figures if figure.unit == Unit.COUNT]
        if counts:
            words = " · ".join(f"{figure_text(figure)} {figure.label}" for figure in counts)
            yield from _fact("done", words, width)

    def _facts(self, width: int) -> Iterator[Content]:
        topics = set(Topic) if self._has_room(width) else {Topic.SELF_CHECK} if self.card.quiet else _ANSWERING
        for topic, words in self.card.facts:
            if topic in topics:
                yield from _fact(topic, words, width)

    def _bars(self, width: int) -> Iterator[Content]:
        flash = self.card.flash
        if flash is None:
            return
        close = close_up(flash)
        parts = [("to scale", flash)] if close is None else [("to scale", flash), ("close up", close)]
        for label, part in parts:
            yield _bar_line(label, part, width)
        uses = {cell.use for _, part in parts for cell in draw_bar(part, width)}
        yield from hanging("", _legend(uses, flash), width, BAR + 1 if width >= ROOMY else 2)


def _fact(label: str, words: str, width: int) -> Iterator[Content]:
    return hanging(Content.styled(label, "$foreground-muted"), words, width, max(LABEL, len(label) + 1))


def _bar_line(label: str, flash: FlashUse, width: int) -> Content:
    size = flash.size_words
    indent = BAR
    room = width - indent - len(size) - 3
    shortest = 8
    if room < shortest:
        indent, room = 0, width - 2
        label, size = "", ""
    cells = [_cell(cell) for cell in draw_bar(flash, room)]
    head = Content.styled(label.ljust(indent), "$foreground-muted")
    return Content.assemble(head, "▕", *cells, "▏", (f" {size}" if size else "", "$foreground-muted"))


def _cell(cell: BarCell) -> tuple[str, str]:
    if cell.line:
        return "┃", _LINE
    glyph = _BEYOND if cell.use == Use.UNTOUCHED and not cell.inside else _GLYPHS[cell.use]
    return glyph, _STYLES[cell.use]


def _legend(uses: set[Use], flash: FlashUse) -> Content:
    parts: list[str | tuple[str, str]] = []
    for use, glyph in _GLYPHS.items():
        if use in uses and use != Use.UNTOUCHED:
            parts += [(glyph, _STYLES[use]), f" {use}  "]
    if flash.extent_bytes is not None:
        parts += [("┃", _LINE), f" end of the extent, {format_size(flash.extent_bytes)}"]
    return Content.assemble(*parts)
