"""A view of one device at a time: the base of the map and the image."""

from __future__ import annotations

import asyncio
import gc
from functools import wraps
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

from textual import work
from textual.containers import Vertical

from tracetool.tui.messages import Chosen
from tracetool.viewmodel.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.widget import Widget

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject

__all__ = ["DeviceView", "once_shown"]

V = TypeVar("V", bound="Widget")
P = ParamSpec("P")
R = TypeVar("R")


class DeviceView(Vertical):
    """Loads a session once it is in front; actions of keys pressed before that are run afterwards."""

    LOW: ClassVar[int]
    """Height in lines below which the view gets the class `-low` and shows little but its grid."""

    OF_DEVICES: ClassVar[bool] = True
    """False for a view that does without the devices' operations by place: they take long in a large trace."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: tuple[Subject, ...] = ()
        self._device = 0
        self._pending: AuditSession | None = None
        self._held: list[Callable[[], Any]] = []
        self._runs_held = False
        self.selection = Selection()
        """The selection of all views; shown once the view is in front."""
        self._behind = False

    @property
    def subject(self) -> Subject | None:
        """The device that is shown."""
        return self.subjects[self._device] if self.subjects else None

    @property
    def in_front(self) -> bool:
        """True while the view is on the screen."""
        return self.is_on_screen and self.display

    @property
    def shown(self) -> bool:
        """True once the view shows a device."""
        return self.subject is not None

    @property
    def takes_keys(self) -> bool:
        """True once there is something that keys can act on."""
        return self.shown

    def on_resize(self, event: events.Resize) -> None:
        """Leave room for the grid."""
        self.set_class(event.size.height < self.LOW, "-low")

    def show(self, session: AuditSession) -> None:
        """Show a session, as soon as the view is in front."""
        self._pending = session
        if self.in_front:
            self.catch_up()

    def on_show(self) -> None:
        """Show what happened since the view was last in front."""
        self.catch_up()

    def catch_up(self) -> None:
        """Show the session that was loaded, or the selection made, since the view was last in front."""
        session, self._pending = self._pending, None
        if session is not None:
            self._load(session)
        elif self._behind and self.shown:
            self._behind = False
            self.show_selection()

    def follow(self, selection: Selection) -> None:
        """Show a selection made in another view, as soon as this one is in front."""
        self.selection = selection
        self._behind = True
        if self.in_front and self._pending is None:
            self.catch_up()

    def choose(self, selection: Selection) -> None:
        """Select, in all views, what this one shows already."""
        self.selection = selection.over(self.selection)
        self.post_message(Chosen(self.id or "", selection))

    def show_selection(self) -> None:
        """Show the selection."""
        raise NotImplementedError

    def device_number(self, device: str | None) -> int | None:
        """Place of a device among those that can be shown."""
        names = [subject.device for subject in self.subjects]
        return names.index(device) if device in names else None

    @work(group="load", exclusive=True)
    async def _load(self, session: AuditSession) -> None:
        await self.take(session, await asyncio.to_thread(lambda: session.subjects) if self.OF_DEVICES else ())
        self._behind = False
        if self.shown:
            self.show_selection()
            if not session.growing:
                gc.freeze()  # as the app does with the session, until the next one
            await self.run_held()

    def in_place_of(self, part: Widget) -> Widget:
        """The part that is shown where a key was meant for `part`: a key before it may have changed that."""
        return part

    def hold(self, action: Callable[[], R]) -> R | None:
        """Run the action of a key, or hold it back until the view takes keys."""
        if self.takes_keys and (self._runs_held or not self._held):
            return action()
        self._held.append(action)
        if self.takes_keys:
            self.call_later(self.run_held)
        return None

    async def run_held(self) -> None:
        """Run the actions of keys that were pressed before the view took them, in their order."""
        if self._runs_held:
            return
        self._runs_held = True
        try:
            while self._held and self.takes_keys:
                done = self._held.pop(0)()
                if isawaitable(done):
                    await done
        finally:
            self._runs_held = False

    async def take(self, session: AuditSession, found: tuple[Subject, ...]) -> None:
        """Show a session whose devices these are; none where the view is not `OF_DEVICES`."""
        raise NotImplementedError


def once_shown(action: Callable[Concatenate[V, P], R]) -> Callable[Concatenate[V, P], R | None]:
    """Hold an action of a view, or of a grid in one, back until the view takes keys."""

    @wraps(action)
    def act(part: V, /, *arguments: P.args, **options: P.kwargs) -> R | None:
        view = part if isinstance(part, DeviceView) else part.query_ancestor(DeviceView)

        def run() -> R:
            shown = view.in_place_of(part)
            if shown is part:
                return action(part, *arguments, **options)
            found: R = getattr(shown, action.__name__)(*arguments, **options)
            return found

        return view.hold(run)

    return act
