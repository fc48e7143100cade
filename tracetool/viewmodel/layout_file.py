"""How tables look, for all traces: one file in the user's state directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.json_document import DocumentError, instance, load_document
from tracetool.viewmodel.table_look import TableLook  # noqa: TC001  the loader reads the annotations
from tracetool.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SavedTable", "load_layout", "save_layout"]

SCHEMA = "tracetool.layout/1"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class SavedTable:
    """A table by its name, and its look."""

    table: str
    look: TableLook


@dataclass(frozen=True)
class SavedSize:
    """The size of a part of a view, in columns or lines."""

    part: str
    size: int


@dataclass(frozen=True)
class _Layout:
    tables: tuple[SavedTable, ...] = ()
    sizes: tuple[SavedSize, ...] = ()


def load_layout(path: Path) -> tuple[dict[str, TableLook], dict[str, int]]:
    """Looks by table, and sizes by part; empty without a file, or where it is damaged."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}, {}
        found = instance(_Layout, load_document(path.read_text(encoding="utf-8"), SCHEMA))
    except (OSError, ValueError, DocumentError):
        return {}, {}
    return {saved.table: saved.look for saved in found.tables}, {saved.part: saved.size for saved in found.sizes}


def save_layout(looks: Mapping[str, TableLook], sizes: Mapping[str, int], path: Path) -> str | None:
    """Write looks and sizes, whole or not at all; return an error in one line or None."""
    tables = tuple(SavedTable(table, look) for table, look in looks.items())
    layout = _Layout(tables, tuple(SavedSize(part, size) for part, size in sizes.items()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(str(path)) as file:
            file.write(json.dumps({"schema": SCHEMA, **asdict(layout)}, indent=1).encode() + b"\n")
    except (OSError, InputError) as error:
        return f"the look of tables will not be remembered: {error}"
    return None
