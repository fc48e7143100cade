"""The card of a device: verdict, why, the flash as a bar, and the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tracetool.sizes import format_size
from tracetool.tui.drawing import VERDICT_STYLES, Drawn, hanging
from tracetool.viewmodel.flash_bar import close_up, draw_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.viewmodel.flash_bar import BarCell, FlashBar
    from tracetool.viewmodel.overview import DeviceCard

__all__ = ["Card"]

LABEL = 12
"""Columns of what stands before the words of a fact."""

BAR = 9
"""Columns of what stands before a bar."""

ROOMY, TALL = 90, 40
"""Columns of a card, or lines of the screen, from which it shows every fact, not just those that answer the question.
"""

_GLYPHS = {"untouched": "░", "programmed": "▓", "erased": "█", "refused": "×", "outside": "✖"}  # noqa: RUF001
_STYLES = {
    "untouched": "$foreground-muted",
    "programmed": "$text-primary",
    "erased": "$text-accent",
    "refused": "bold $text-warning",
    "outside": "bold $text-error",
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

    def _has_room(self, width: int) -> bool:
        return width >= ROOMY or self.app.size.height >= TALL

    def lines(self, width: int) -> Iterator[Content]:
        """The card, the answer first."""
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
        sizes = [figure for figure in self.card.figures if figure.key or figure.label.startswith("saved")]
        if sizes:
            key, *saved = sizes
            words = Content.assemble((key.value, "bold"), *(f" · {figure.value} {figure.label}" for figure in saved))
            yield from hanging(Content.styled(key.label, "$foreground-muted"), words, width, len(key.label) + 2)

    def _counts(self, width: int) -> Iterator[Content]:
        figures = [f for f in self.card.figures if not f.key and not f.label.startswith(("saved", "extent"))]
        if figures:
            words = " · ".join(f"{figure.value} {figure.label}" for figure in figures)
            yield from _fact("done", words, width)

    def _facts(self, width: int) -> Iterator[Content]:
        card = self.card
        facts = [] if card.quiet else [fact for fact in card.facts if fact[0] in ("board", "extent", "policy")]
        if self._has_room(width):
            facts = [fact for fact in card.facts if not (card.quiet and fact[0] == "commanded")]
        for label, words in facts:
            yield from _fact(label, words, width)
        if card.self_check:
            yield from _fact("self-check", card.self_check, width)

    def _bars(self, width: int) -> Iterator[Content]:
        bar = self.card.bar
        if bar is None:
            return
        close = close_up(bar)
        parts = [("to scale", bar)] if close is None else [("to scale", bar), ("close up", close)]
        for label, part in parts:
            yield from _bar_lines(label, part, width)
        kinds = dict.fromkeys(cell.kind for _, part in parts for cell in draw_bar(part, width))
        yield from hanging("", _legend(kinds, bar), width, BAR + 1 if width >= ROOMY else 2)


def _fact(label: str, words: str, width: int) -> Iterator[Content]:
    return hanging(Content.styled(label, "$foreground-muted"), words, width, max(LABEL, len(label) + 1))


def _bar_lines(label: str, bar: FlashBar, width: int) -> Iterator[Content]:
    size = bar.label
    indent = BAR
    room = width - indent - len(size) - 3
    shortest = 8
    if room < shortest:
        indent, room = 0, width - 2
        label, size = "", ""
    cells = [_cell(cell) for cell in draw_bar(bar, room)]
    head = Content.styled(label.ljust(indent), "$foreground-muted")
    yield Content.assemble(head, "▕", *cells, "▏", (f" {size}" if size else "", "$foreground-muted"))


def _cell(cell: BarCell) -> tuple[str, str]:
    if cell.line:
        return "┃", _LINE
    if cell.kind == "untouched" and not cell.inside:
        return _BEYOND, _STYLES["untouched"]
    return _GLYPHS[cell.kind], _STYLES[cell.kind]


def _legend(kinds: dict[str, None], bar: FlashBar) -> Content:
    parts: list[str | tuple[str, str]] = []
    for kind, glyph in _GLYPHS.items():
        if kind in kinds and kind != "untouched":
            parts += [(glyph, _STYLES[kind]), f" {kind}  "]
    if bar.extent_bytes is not None:
        parts += [("┃", _LINE), f" end of the extent, {format_size(bar.extent_bytes)}"]
    return Content.assemble(*parts)
