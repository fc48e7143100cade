"""A view of one device at a time: the base of the map and the image."""

from __future__ import annotations

import asyncio
from functools import partial, wraps
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

from textual.containers import Vertical

from tracetool.viewmodel.heatmap import subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject

__all__ = ["DeviceView", "once_shown"]

V = TypeVar("V", bound="DeviceView")
P = ParamSpec("P")
R = TypeVar("R")


class DeviceView(Vertical):
    """Loads a session once it is in front; actions of keys pressed before that are run afterwards."""

    LOW: ClassVar[int]
    """Height in lines below which the view gets the class `-low` and shows little but its grid."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: tuple[Subject, ...] = ()
        self._device = 0
        self._pending: AuditSession | None = None
        self._held: list[Callable[[], Any]] = []

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
        """Show the session that was loaded since the view was last in front."""
        session, self._pending = self._pending, None
        if session is not None:
            self.run_worker(self._load(session), group="load", exclusive=True)

    async def _load(self, session: AuditSession) -> None:
        await self.take(session, await asyncio.to_thread(subjects, session))
        if self.shown:
            held, self._held = self._held, []
            for action in held:
                done = action()
                if isawaitable(done):
                    await done

    async def take(self, session: AuditSession, found: tuple[Subject, ...]) -> None:
        """Show a session whose devices these are."""
        raise NotImplementedError


def once_shown(action: Callable[Concatenate[V, P], R]) -> Callable[Concatenate[V, P], R | None]:
    """Hold an action back until the view shows a device."""

    @wraps(action)
    def act(view: V, /, *arguments: P.args, **options: P.kwargs) -> R | None:
        if view.shown:
            return action(view, *arguments, **options)
        view._held.append(partial(action, view, *arguments, **options))  # noqa: SLF001  of the same module
        return None

    return act
