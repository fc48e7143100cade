"""Saved state of a trace: bookmarks with notes, and the place at which the app was left.

One file per trace in the user's state directory, named after a hash of the trace, so that it is found again after the
trace was moved.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_state_path

from tracetool.errors import InputError
from tracetool.json_document import DocumentError, instance, load_document
from tracetool.paths import user_folder
from tracetool.sanitize import sanitize
from tracetool.viewmodel.filters import Chip  # noqa: TC001  the fields of a saved state are read by their types
from tracetool.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bookmark", "SavedState", "content_key", "memory_path", "recall", "remember", "shared", "state_folder"]

SCHEMA = "tracetool.memory/1"
MOST_BOOKMARKS = 10_000
_MOST_BYTES = 16 << 20
_NOTE = 1000
_PIECE = 1 << 20
_ENDS = 16


@dataclass(frozen=True, order=True)
class Bookmark:
    """An event with a note."""

    trace: int
    seq: int
    note: str = ""


@dataclass(frozen=True)
class SavedState:
    """State of the app over a trace; None for what was not saved."""

    bookmarks: tuple[Bookmark, ...] = ()
    view: str | None = None
    chips: tuple[Chip, ...] = ()
    trace: int = 0
    seq: int | None = None
    theme: str | None = None
    metric: str | None = None
    cell_bytes: int | None = None
    look: str | None = None

    def marked(self, bookmark: Bookmark) -> SavedState:
        """Add a bookmark, or replace that of the same event."""
        others = [b for b in self.bookmarks if (b.trace, b.seq) != (bookmark.trace, bookmark.seq)]
        return replace(self, bookmarks=tuple(sorted([*others, bookmark]))[:MOST_BOOKMARKS])

    def unmarked(self, trace: int, seq: int) -> SavedState:
        """Remove the bookmark of an event."""
        return replace(self, bookmarks=tuple(b for b in self.bookmarks if (b.trace, b.seq) != (trace, seq)))

    def bookmark(self, trace: int, seq: int) -> Bookmark | None:
        """The bookmark of an event."""
        return next((b for b in self.bookmarks if (b.trace, b.seq) == (trace, seq)), None)


def content_key(paths: Sequence[str]) -> str | None:
    """Hash of the sizes and contents of traces; None for a stream.

    Of a large file, sixteen pieces are read, so that the time is bounded. A CTF trace is hashed file by file.
    """
    digest = hashlib.sha256()
    if "-" in paths:
        return None
    for text in paths:
        path = Path(text)
        try:
            files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
            if not path.is_dir() and not path.is_file():
                return None
            for file in files:
                _take(digest, file)
        except OSError:
            return None
    return digest.hexdigest()[:32]


def _take(digest: Any, file: Path) -> None:  # noqa: ANN401  hashlib has no public type of its hashes
    size = file.stat().st_size
    digest.update(f"{size}\n".encode())
    with file.open("rb") as stream:
        if size <= _ENDS * _PIECE:
            digest.update(stream.read())
            return
        for number in range(_ENDS):
            stream.seek((size - _PIECE) * number // (_ENDS - 1))
            digest.update(stream.read(_PIECE))


def state_folder() -> Path | None:
    """The tool's folder in the user's state directory; None for a user without a home."""
    return user_folder(user_state_path, "tracetool")


def memory_path(key: str, folder: Path) -> Path:
    """Path of the state of a trace."""
    return folder / "traces" / f"{key}.json"


# --- reading -----------------------------------------------------------------------------------------------------


def recall(path: Path) -> tuple[SavedState, str | None]:
    """Load the state; return it with an error in one line or None. A damaged file is an empty state."""
    try:
        return _read(path), None
    except FileNotFoundError:
        return SavedState(), None
    except (OSError, ValueError) as error:
        words = sanitize(" ".join(str(error).split()))
        kept = _put_aside(path)
        return (
            SavedState(),
            f"{path.name}: what was remembered of this trace cannot be read and is not used{kept}: {words}",
        )


def _put_aside(path: Path) -> str:
    """Rename a damaged file, as notes in it may be worth a repair."""
    aside = path.with_suffix(".damaged.json")
    try:
        path.replace(aside)
    except OSError:
        return ""
    return f", it is kept as {aside.name}"


def _read(path: Path) -> SavedState:
    if path.stat().st_size > _MOST_BYTES:
        raise DocumentError("it is too long")
    found = instance(SavedState, load_document(path.read_text(encoding="utf-8"), SCHEMA))
    marks = (replace(mark, note=mark.note[:_NOTE]) for mark in found.bookmarks[:MOST_BOOKMARKS])
    return replace(found, bookmarks=tuple(sorted(marks)))


def shared(memory: SavedState, path: Path) -> SavedState:
    """The state with the bookmarks of the file: another app may show the same trace."""
    try:
        return replace(memory, bookmarks=_read(path).bookmarks)
    except (OSError, ValueError):
        return memory


# --- writing -----------------------------------------------------------------------------------------------------


def remember(memory: SavedState, path: Path) -> str | None:
    """Write the state, whole or not at all; return an error in one line or None."""
    document = {"schema": SCHEMA, **asdict(memory)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(str(path)) as file:
            file.write(json.dumps(document, indent=1).encode() + b"\n")
    except (OSError, InputError) as error:
        return f"nothing of this trace will be remembered: {sanitize(str(error))}"
    return None
