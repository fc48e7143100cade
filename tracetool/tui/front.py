"""What the view in front can be asked for: commands are answered by the view in which they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tracetool.viewmodel.passing import Passing
    from tracetool.viewmodel.places import Place
    from tracetool.viewmodel.selection import Selection
    from tracetool.viewmodel.view_export import Export

__all__ = ["WAITING", "Copies", "Exports", "Follows", "HasPlaces", "Narrows", "Searches"]

WAITING = "the trace is still being read"


@runtime_checkable
class Follows(Protocol):
    """A view that shows the selection."""

    def follow(self, selection: Selection) -> None:
        """Show a selection made in another view."""


@runtime_checkable
class Narrows(Protocol):
    """A view that counts what passes the filter."""

    def narrow(self, passing: Passing | None) -> None:
        """Count what passes, or everything."""


@runtime_checkable
class HasPlaces(Protocol):
    """A view of bytes, with a cursor among them."""

    def go_to_place(self, place: Place) -> str | None:
        """Go to a place of bytes; return an error in one line or None."""


@runtime_checkable
class Searches(Protocol):
    """A view in which something other than operations is searched."""

    search_hint: str

    def search(self, text: str, *, forward: bool) -> str | None:
        """Go to the next or previous match; return an error in one line or None."""


@runtime_checkable
class Exports(Protocol):
    """A view with a table of its own to write to a file."""

    def export(self) -> Export | None:
        """The table; None while there is none."""


@runtime_checkable
class Copies(Protocol):
    """A view of which something can be copied."""

    def copied(self, *, selection: bool) -> tuple[str, str]:
        """The row under the cursor, or all that is selected, as text, and what it is in words."""
