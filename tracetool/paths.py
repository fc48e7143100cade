"""Paths as users write them, and the user's folders, which need not exist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_live", "real_path", "user_folder", "user_path"]


def user_path(text: str | Path) -> Path:
    """Expand `~` and `~name` as shells do: names of unknown users stay as they are."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  Path's raises for an unknown user


def is_live(text: str) -> bool:
    """True for the address of an LTTng relay daemon. Ref: babeltrace2-source.ctf.lttng-live(7), "Input"."""
    return text.startswith(("net://", "net4://", "net6://"))


def real_path(path: Path) -> Path:
    """The file that symbolic links lead to; a link that leads to itself stays, and cannot be opened."""
    return Path(os.path.realpath(path))


def user_folder(find: Callable[[str], Path], name: str) -> Path | None:
    """A folder of the user's as one of `platformdirs` finds it; None for a user without a home."""
    try:
        return find(name)
    except RuntimeError:
        return None
