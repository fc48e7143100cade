"""Rows of a tree: items in order, opened ones followed by their children."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Children", "Outline", "Spot"]


class Children(NamedTuple):
    """Children of an opened item: numbers of events over all traces, and their depths; int64."""

    events: NDArray[np.int64]
    depths: NDArray[np.int64]


class Spot(NamedTuple):
    """Content of a row: an item, or a child of it."""

    item: int
    child: int | None = None
    depth: int = 0

    @property
    def event(self) -> int:
        """The number of the event that it shows, where items are events."""
        return self.item if self.child is None else self.child


class Outline:
    """Rows of items that may be opened.

    Args:
        items: the items shown, int64 and ascending; or how many there are, from 0, where all are.
    """

    def __init__(self, items: NDArray[np.int64] | int) -> None:
        self._items = items
        self._children: dict[int, Children] = {}
        self._opened = np.zeros(0, np.int64)
        self._sizes = np.zeros(0, np.int64)
        self._starts = np.zeros(0, np.int64)

    @property
    def count(self) -> int:
        """Number of items, without children."""
        return self._items if isinstance(self._items, int) else len(self._items)

    def __len__(self) -> int:
        return self.count + int(self._sizes.sum())

    def items(self) -> NDArray[np.int64]:
        """The items shown, int64."""
        return np.arange(self._items, dtype=np.int64) if isinstance(self._items, int) else self._items

    def is_open(self, item: int) -> bool:
        """True if the children of an item are shown."""
        return item in self._children

    def open(self, item: int, children: Children) -> None:
        """Show children under an item; close it where there are none."""
        if len(children.events):
            self._children[item] = children
        else:
            self._children.pop(item, None)
        self._index()

    def close(self, item: int) -> None:
        """Show the item alone."""
        if self._children.pop(item, None) is not None:
            self._index()

    def narrowed(self, items: NDArray[np.int64] | int) -> Outline:
        """The same outline of other items; those in both stay open."""
        other = Outline(items)
        other._children = {item: found for item, found in self._children.items() if other.index(item) is not None}
        other._index()
        return other

    def _index(self) -> None:
        opened = sorted(self._children)
        self._opened = np.array([self.index(item) for item in opened], np.int64)
        self._sizes = np.array([len(self._children[item].events) for item in opened], np.int64)
        self._starts = self._opened + np.cumsum(self._sizes) - self._sizes

    def index(self, item: int) -> int | None:
        """The item's place among the items; None where it is left out."""
        at = self.index_from(item)
        return at if at < self.count and self.item(at) == item else None

    def index_from(self, item: int) -> int:
        """The place of the first item that is not before this one; the number of items if there is none."""
        if isinstance(self._items, int):
            return min(max(item, 0), self._items)
        return int(np.searchsorted(self._items, item))

    def item(self, index: int) -> int:
        """The item at a place."""
        return index if isinstance(self._items, int) else int(self._items[index])

    def row(self, index: int) -> int:
        """The row of the item at a place."""
        before = int(np.searchsorted(self._opened, index))
        return index + int(self._sizes[:before].sum())

    def rows_in(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows (int64) of items in an order of their places, each followed by its children."""
        if not len(self._opened):
            return order
        sizes = np.ones(self.count, np.int64)
        sizes[self._opened] += self._sizes
        starts = np.cumsum(sizes) - sizes
        ordered = sizes[order]
        into = np.arange(len(self)) - np.repeat(np.cumsum(ordered) - ordered, ordered)
        return np.repeat(starts[order], ordered) + into

    def spot(self, row: int) -> Spot:
        """Content of a row."""
        at = int(np.searchsorted(self._starts, row, side="right")) - 1
        if at < 0:
            return Spot(self.item(row))
        beyond = row - int(self._starts[at])
        item = self.item(int(self._opened[at]))
        if beyond == 0:
            return Spot(item)
        if beyond <= self._sizes[at]:
            children = self._children[item]
            return Spot(item, int(children.events[beyond - 1]), int(children.depths[beyond - 1]))
        return Spot(self.item(int(self._opened[at]) + beyond - int(self._sizes[at])))

    def row_of_child(self, item: int, event: int) -> int | None:
        """The row in which an event stands under an item, None if it does not."""
        index, children = self.index(item), self._children.get(item)
        if index is None or children is None:
            return None
        found = np.flatnonzero(children.events == event)
        return self.row(index) + 1 + int(found[0]) if len(found) else None
