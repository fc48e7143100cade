"""Who put bytes of the image there, over the views."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.tui.over_screen import OverScreen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult

    from tracetool.viewmodel.blamed import Blamed, Writer

__all__ = ["BlameScreen"]


class BlameScreen(OverScreen[tuple[int, int]]):
    """The writers of bytes, below them a note; returns the event, (trace, seq), of the chosen writer."""

    BINDINGS: ClassVar = [("escape,q,B", "close", "Close")]

    def __init__(self, found: Sequence[Blamed], note: str) -> None:
        super().__init__()
        self._found = found
        self._note = note
        self._events: list[tuple[int, int] | None] = []

    def compose(self) -> ComposeResult:
        """Each origin with the writers of its bytes."""
        listed = OptionList(*self._options(), markup=False)
        listed.border_title = "Who put it there (Enter goes to the operation, Esc closes)"
        listed.border_subtitle = self._note
        listed.highlighted = next((at for at, event in enumerate(self._events) if event is not None), None)
        yield listed

    def _options(self) -> Iterator[Option]:
        for each in self._found:
            self._events.append(None)
            yield Option(Content.styled(each.words, "bold $text"), disabled=True)
            for writer in each.writers:
                self._events.append(writer.event)
                yield Option(_drawn(writer), disabled=writer.event is None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the event of the chosen writer."""
        event.stop()
        self.close(self._events[event.option_index])


def _drawn(writer: Writer) -> Content:
    first, *rest = writer.facts
    head = Content.styled(f"  {writer.did}: ", "$foreground-muted")
    return Content("\n").join([Content.assemble(head, first), *(Content(f"    {fact}") for fact in rest)])
