"""The chips of the filter, above every view, and the list from which they are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.sanitize import sanitize
from tracetool.tui.drawing import Drawn, Hanging
from tracetool.tui.over_screen import OverScreen
from tracetool.viewmodel.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.chips import Offer

__all__ = ["ChipBar", "ChipsScreen"]

_MOST = 48
"""Longest text of a chip."""


class ChipBar(Drawn):
    """A line of chips, hidden while there is none; a click switches one off or on."""

    DEFAULT_CSS = "ChipBar { height: 1; padding: 0 1; display: none; }"

    @dataclass
    class Toggled(Message):
        """A chip was clicked."""

        number: int

    def __init__(self) -> None:
        super().__init__()
        self._filter = Filter()
        self._words = ""

    def show(self, chosen: Filter, words: str) -> None:
        """Show a filter, and how much passes."""
        self._filter, self._words = chosen, words
        self.display = bool(chosen.chips)
        self.refresh()

    def _chips(self) -> Iterator[tuple[str, bool]]:
        """Text of each chip, and whether it is on."""
        for number, chip in enumerate(self._filter.chips, 1):
            on = self._filter.on and chip.on
            text = sanitize(chip.text, _MOST)
            yield f" {number} {'' if on else 'off: '}{text}{' (events)' if chip.events else ''} ", on

    def lines(self, width: int) -> Iterator[Content]:
        """The chips, then what passes where there is room."""
        pieces: list[str | tuple[str, str]] = []
        for text, on in self._chips():
            pieces += [(text, "bold $background on $accent" if on else "$foreground-muted on $panel"), " "]
        chips = Content.assemble(*pieces)
        words = Content.styled(self._words, "$foreground-muted")
        room = width - chips.cell_length - words.cell_length
        yield Content.assemble(chips, " " * room, words) if room >= 0 else chips.truncate(width, ellipsis=True)

    def on_click(self, event: events.Click) -> None:
        """Switch the chip under the pointer off or on."""
        place, end = event.get_content_offset(self), 0
        if place is None:
            return
        for number, (text, _) in enumerate(self._chips()):
            end += len(text) + 1
            if place.x < end:
                self.post_message(self.Toggled(number))
                return


class ChipsScreen(OverScreen[Filter]):
    """List of chips to add, to switch and to drop; returns the filter that was chosen."""

    BINDINGS: ClassVar = [("escape", "close", "Close"), ("delete,backspace", "drop", "Drop"), ("0", "drop_all", "All")]

    def __init__(self, chosen: Filter, offers: Sequence[Offer]) -> None:
        super().__init__()
        self._filter = chosen
        self._offers = list(offers)

    def compose(self) -> ComposeResult:
        """A line for each chip."""
        listed = OptionList(*self._options(), markup=False)
        listed.border_title = "Filter: key adds, upper case its opposite; 1-9 off/on, Del drops, 0 drops all"
        yield listed

    def _options(self) -> Iterator[Option]:
        for number, chip in enumerate(self._filter.chips, 1):
            state = "on " if chip.on and self._filter.on else "off"
            head = Content.assemble((f"{number:>2} ", "bold"), f"{state}  ")
            yield Option(Hanging(head, Content(sanitize(chip.text))))
        for offer in self._offers:
            there = "●" if self._filter.number_of(offer.chip) is not None else " "
            head = Content.assemble((f" {offer.key} ", "bold"), f"{there} {offer.words:<32}")
            yield Option(Hanging(head, Content(sanitize(offer.chip.text))))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Add the chip, or switch it."""
        event.stop()
        number, chips = event.option_index, len(self._filter.chips)
        self.close(self._filter.toggled(number) if number < chips else self._with(self._offers[number - chips]))

    def _with(self, offer: Offer) -> Filter:
        """The filter with a chip; without it where it was there."""
        number = self._filter.number_of(offer.chip)
        return self._filter.with_chip(offer.chip) if number is None else self._filter.without(number)

    def on_key(self, event: events.Key) -> None:
        """Add the chip of a key, or its opposite, or switch one by its number."""
        key = event.character or ""
        if key.isdecimal() and key.isascii() and 0 < int(key) <= len(self._filter.chips):
            event.stop()
            self.close(self._filter.toggled(int(key) - 1))
            return
        for offer in self._offers:
            if key in (offer.key, offer.key.upper()) and key:
                event.stop()
                self.close(self._with(offer) if key == offer.key else self._filter.with_chip(offer.opposite))
                return

    def action_drop(self) -> None:
        """Drop the chip under the cursor."""
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._filter.chips):
            self.close(self._filter.without(at))

    def action_drop_all(self) -> None:
        """Drop all chips."""
        self.close(Filter())
