"""One line to type into, at the bottom: for filters, searches, places, files and changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import isawaitable
from os.path import commonprefix
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from tracetool.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from textual import events
    from textual.app import ComposeResult

    from tracetool.timeline.query import Completion

__all__ = ["Prompt", "Question"]

_OFFERED = 8


@dataclass
class Question:
    """Question of the prompt; `answer` takes the text and returns an error in one line or None, at once or later."""

    title: str
    answer: Callable[[str], str | Awaitable[str | None] | None]
    initial: str = ""
    hint: str = ""
    complete: Callable[[str, int], Sequence[Completion]] | None = None
    check: Callable[[str], str | None] | None = None
    history: list[str] = field(default_factory=list)


class Prompt(Vertical):
    """Prompt, hidden until a question is asked."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("enter", "answer", "do it"),
        Binding("tab", "complete", "complete"),
        Binding("up", "older(1)", "earlier"),
        Binding("down", "older(-1)", "newer", show=False),
        Binding("escape", "close", "close"),
    ]

    class Closed(Message):
        """The prompt was closed."""

    def __init__(self) -> None:
        super().__init__()
        self._question: Question | None = None
        self._back = 0
        self._draft = ""

    def compose(self) -> ComposeResult:
        """Title, input and hint."""
        yield Static(id="title")
        yield Input(id="typed", compact=True)
        yield Static(id="said")

    @property
    def asking(self) -> bool:
        """True while a question is asked."""
        return self._question is not None

    def ask(self, question: Question) -> None:
        """Show a question and focus the input."""
        self._question, self._back = question, 0
        self.add_class("-asking")
        self.display = True
        self.query_one("#title", Static).update(Text(f" {question.title}", style="bold"))
        line = self.query_one(Input)
        line.value = question.initial
        line.cursor_position = len(question.initial)
        line.focus()
        self._say(question.hint)
        self.refresh_bindings()

    def _say(self, text: str, *, wrong: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.set_class(wrong, "-wrong")
        said.update(Text("\n".join(map(sanitize, text.splitlines())), no_wrap=wrong))  # the caret is under its word
        said.display = bool(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show completions, or the error."""
        event.stop()
        self.refresh_bindings()
        question = self._question
        if question is None:
            return
        offered = self._offered()
        if offered:
            self._say("  ".join(completion.text for completion in offered[:_OFFERED]))
            return
        wrong = question.check(event.value) if question.check and event.value.strip() else None
        self._say(wrong or question.hint, wrong=wrong is not None)

    def _offered(self) -> Sequence[Completion]:
        line, question = self.query_one(Input), self._question
        if question is None or question.complete is None:
            return ()
        return question.complete(line.value, line.cursor_position)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002  textual's signature
        """Offer completion and earlier answers only where there are some."""
        if action == "older":
            return self._question is not None and bool(self._question.history)
        return action != "complete" or bool(self._offered())

    def keys(self) -> Iterator[tuple[str, str]]:
        """Key and word of each action; some have keys of the same names in the line that is typed into."""
        for binding in self.BINDINGS:
            if binding.show and self.check_action(binding.action.partition("(")[0], ()):
                yield binding.key, binding.description

    def on_key(self, event: events.Key) -> None:
        """Keep Tab from moving the focus."""
        if event.key == "shift+tab" or (event.key == "tab" and not self._offered()):
            event.stop()

    def action_complete(self) -> None:
        """Insert the common prefix of the completions."""
        line, offered = self.query_one(Input), self._offered()
        if not offered:
            return
        start, end = offered[0].start, offered[0].end
        word = commonprefix([completion.text for completion in offered])  # noqa: RUF071  of words, not of paths
        if len(offered) == 1:
            word += " "
        line.value = line.value[:start] + word + line.value[end:]
        line.cursor_position = start + len(word)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer the question; stay open after an error."""
        event.stop()
        question = self._question
        if question is None:
            return
        answer = question.answer(event.value)
        wrong = await answer if isawaitable(answer) else answer
        if self._question is not question:  # it was closed meanwhile
            return
        if wrong is not None:
            self._say(wrong, wrong=True)
            return
        if event.value.strip() and event.value not in question.history[-1:]:
            question.history.append(event.value)
        self.action_close()

    async def action_answer(self) -> None:
        """Submit, as Enter does."""
        await self.query_one(Input).action_submit()

    def action_older(self, back: int) -> None:
        """Show an earlier answer, or again what was typed before that."""
        question = self._question
        if question is None:
            return
        line = self.query_one(Input)
        if self._back == 0:
            self._draft = line.value
        self._back = min(max(self._back + back, 0), len(question.history))
        line.value = question.history[-self._back] if self._back else self._draft
        line.cursor_position = len(line.value)

    def action_close(self) -> None:
        """Close the prompt."""
        self._question = None
        self.display = False
        self.remove_class("-asking")
        self.post_message(self.Closed())
