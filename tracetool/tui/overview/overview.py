"""The overview: the verdict, a card for each device, the findings worth a look, and the traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual import work
from textual.containers import Container, ItemGrid, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.findings import RULES
from tracetool.tui.drawing import SEVERITY_STYLES, VERDICT_STYLES, Drawn, Heading, hanging
from tracetool.tui.messages import JumpTo
from tracetool.tui.overview.boot import Boot
from tracetool.tui.overview.card import TALL, Card
from tracetool.viewmodel.overview import overview_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.app import ComposeResult
    from textual.events import Resize

    from tracetool.viewmodel.findings import FindingRow
    from tracetool.viewmodel.overview import BootColumn, DeviceCard, OverviewModel
    from tracetool.viewmodel.passing import Passing

    Model = TypeVar("Model", DeviceCard, BootColumn)

__all__ = ["Overview"]

CARD_WIDTH = 72
"""Least columns of a card where several stand side by side."""

WIDE = 150
"""Columns from which the findings stand beside the cards."""

MOST_FINDINGS = 24
"""Findings that are listed, with what to do, in a wide and tall terminal."""

BOOT_WIDTH = 48
"""Least columns of a trace."""


class Headline(Drawn):
    """Verdict on the whole, or the progress towards it."""

    DEFAULT_CSS = "Headline { padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._model: OverviewModel | None = None
        self._waiting = "reading the trace…"

    def show(self, model: OverviewModel) -> None:
        """Show a model."""
        said = None if self._model is None else (self._model.verdict, self._model.headline)
        self._model = model
        if said != (model.verdict, model.headline):
            self.redraw()

    def wait_for(self, words: str) -> None:
        """Show progress."""
        self._waiting = words
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Sign, verdict and a sentence."""
        if self._model is None:
            yield from Content.styled(f"○ {self._waiting}", "$foreground-muted").wrap(width)
            return
        model, style = self._model, VERDICT_STYLES[self._model.verdict]
        words = Content.assemble((str(model.verdict).upper(), style), f"  {model.headline}")
        yield from hanging(Content.styled(model.sign, style), words, width, 2)


class Overview(VerticalScroll):
    """Shows an `OverviewModel`, and progress until there is one."""

    DEFAULT_CSS = """
    Overview { height: 1fr; width: 1fr; }
    Overview ItemGrid { grid-gutter: 0 1; }
    Overview.roomy Headline { margin: 0 0 1 0; }
    Overview #answer { height: auto; layout: vertical; }
    Overview.wide #answer { layout: horizontal; }
    Overview #found { height: auto; width: 1fr; }
    Overview.wide #found { padding: 1 1 0 1; }
    Overview OptionList > .option-list--option { padding: 0 1; }
    Overview OptionList:focus { border: none; }
    Overview OptionList { height: auto; max-height: 200; border: none; padding: 0; margin: 0 0 1 0;
        background: $background; }
    """

    BINDING_GROUP_TITLE = "Overview"

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[FindingRow, ...] = ()
        self._model: OverviewModel | None = None
        self._passing: Passing | None = None
        self._shown: OverviewModel | None = None
        self._narrowed = self._stale = self._roomy = False

    def compose(self) -> ComposeResult:
        """Compose empty containers."""
        yield Headline()
        with Container(id="answer"):
            with ItemGrid(id="cards", min_column_width=CARD_WIDTH):
                yield Skeleton()
            with Container(id="found"):
                yield Heading()
                yield OptionList(markup=False)
        yield ItemGrid(id="quiet", min_column_width=CARD_WIDTH)
        yield ItemGrid(id="boots", min_column_width=BOOT_WIDTH)

    def on_mount(self) -> None:
        """Hide the empty list of findings."""
        self.query_one(OptionList).display = False

    def on_resize(self, event: Resize) -> None:
        """Set the findings beside the cards where there is room."""
        wide, roomy = event.size.width >= WIDE, self._roomy
        self.set_class(wide, "wide")
        self._roomy = wide and self.app.size.height >= TALL
        self.set_class(self._roomy, "roomy")
        for card in self.query(Card):  # a higher screen has room for more of its facts
            card.redraw()
        if self._model is not None and roomy != self._roomy:
            self._show_soon(self._shown or self._model)

    def wait_for(self, words: str) -> None:
        """Show progress, until `show` is called."""
        self.query_one(Headline).wait_for(words)

    async def show(self, model: OverviewModel) -> None:
        """Replace the model that is shown."""
        self._model, self._narrowed = model, False
        await self._show(model)

    def narrow(self, passing: Passing | None) -> None:
        """Count what passes the filter, or everything, once the overview is in front."""
        self._passing = passing
        if self._model is not None and (passing is not None or self._narrowed):
            self._stale = True
            if self.is_on_screen and self.display:
                self.on_show()

    def on_show(self) -> None:
        """Count what passes the filter, where that changed since the overview was last in front."""
        if self._stale and self._model is not None:
            self._stale, self._narrowed = False, self._passing is not None
            audit = None if self._passing is None else self._passing.tables.session.audit
            model = self._model if audit is None else overview_passing(self._model, audit, self._passing)
            self._show_soon(model)

    @work(group="narrow", exclusive=True)
    async def _show_soon(self, model: OverviewModel) -> None:
        await self._show(model)

    async def _show(self, model: OverviewModel) -> None:
        self._shown = model
        self.query_one(Headline).show(model)
        self._rows = model.findings[:MOST_FINDINGS] if self._roomy else model.worst
        self.query_one(Heading).say(f"findings: {model.findings_words(len(self._rows))}")
        self._list([_found(row, with_remedy=self._roomy) for row in self._rows])
        loud = [card for card in model.cards if not card.quiet] or list(model.cards)
        quiet = [card for card in model.cards if card not in loud]
        await self._fill("cards", Card, (*loud, *(quiet if self._roomy else ())))
        await self._fill("quiet", Card, () if self._roomy else quiet)
        await self._fill("boots", Boot, model.boots)

    def _list(self, findings: list[Content]) -> None:
        found = self.query_one(OptionList)
        if findings != [option.prompt for option in found.options]:
            found.clear_options()
            found.add_options(map(Option, findings))
        found.display = bool(findings)

    async def _fill(self, place: str, kind: Callable[[Model], Card | Boot], models: Sequence[Model]) -> None:
        """Show models in as many widgets; those that are there stay, since to mount them lays out all of the screen."""
        grid = self.query_one(f"#{place}", ItemGrid)
        if [type(widget) for widget in grid.children] != [kind] * len(models):
            async with self.batch():
                await grid.remove_children()
                await grid.mount_all([kind(model) for model in models])
            return
        for widget, model in zip(grid.children, models, strict=True):
            widget.show(model)  # type: ignore[attr-defined]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Jump to the event of a finding; one about a whole device has none."""
        event.stop()
        target = self._rows[event.option_index].target
        if target is not None:
            self.post_message(JumpTo(*target))


class Skeleton(Drawn):
    """Placeholder of a card."""

    DEFAULT_CSS = "Skeleton { height: auto; border: round $foreground 30%; }"

    def lines(self, width: int) -> Iterator[Content]:
        """Draw bars."""
        for part in (3, 2, 2, 1):
            yield Content.styled("░" * max(width * part // 4, 1), "$foreground-muted")


def _found(row: FindingRow, *, with_remedy: bool) -> Content:
    """Draw a finding, and below it what to do."""
    return Content.assemble(
        (f"{row.sign} {row.rule}", SEVERITY_STYLES[row.severity]),
        f"  {row.device}  " if row.device else "  ",
        row.message,
        (f"\n{RULES[row.rule].remedy}", "$foreground-muted") if with_remedy else "",
    )
