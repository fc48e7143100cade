"""UEFI variables in a flash image alone, without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.paths import user_path

if TYPE_CHECKING:
    import os

    import polars as pl

__all__ = ["MOST_IMAGE", "variables_in"]

MOST_IMAGE = 1 << 30
"""Longest image in which a store is looked for, in bytes."""


def variables_in(image: str | os.PathLike[str], *, deleted: bool = False) -> pl.DataFrame:
    """The UEFI variables in a flash image, a frame of `VARIABLES_SCHEMA`: those that the firmware finds.

    Args:
        image: a file: raw, compressed, or a disk image that qemu-img converts.
        deleted: every copy in the store, whatever its state.

    Raises:
        InputError: the image cannot be read, or holds no variable store.
    """
    from tracetool.images import load_image
    from tracetool.uefi.varstore import find_variable_store, variables_frame, why_no_store

    path = user_path(str(image))
    contents = load_image(path, limit=MOST_IMAGE)
    store = find_variable_store(contents)
    if store is None:
        raise InputError(f"{path}: no UEFI variable store in it: {why_no_store(contents)}")
    return variables_frame(store, deleted=deleted)
