"""Runs behind URLs (s3://, https://, ...), which fsspec reads: whoever audits one fetches it for the time of that."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracetool.errors import InputError, MissingDependencyError
from tracetool.runs.place import RUN_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fetched", "is_url", "runs_at_url"]

_INSTALL = "URLs need fsspec: pip install 'pflash-tracetool[fleet]', and its module for that store"


def is_url(path: str) -> bool:
    """True for what names a protocol."""
    return "://" in path


@contextmanager
def fetched(url: str) -> Iterator[str]:
    """The run behind a URL as a local path, which is gone after the block.

    Raises:
        InputError: there is none, or it cannot be read.
        MissingDependencyError: fsspec, or its module for this protocol, is not installed.
    """
    files, place = _opened(url)
    with tempfile.TemporaryDirectory(prefix="tracetool-") as folder:
        local = Path(folder) / (Path(place.rstrip("/")).name or "run")
        try:
            whole = files.isdir(place)
            files.get(f"{place.rstrip('/')}/" if whole else place, str(local), recursive=whole)
        except Exception as error:  # a store's library raises its own errors, which have no common root
            raise InputError(f"{url}: cannot be fetched: {_words(error)}") from error
        yield str(local)


def runs_at_url(url: str) -> Iterator[tuple[str, bool]]:
    """The runs at a URL, as `find_runs` has those of folders: what a pattern matches, run directories, else files.

    Raises:
        InputError: there is nothing, or it cannot be listed.
        MissingDependencyError: as of `fetched`.
    """
    files, place = _opened(url)
    try:
        matches = sorted(files.glob(place)) if any(sign in place for sign in "*?[") else [place]
        found = [entry for match in matches for entry in _below(files, match)]
    except Exception as error:  # as above
        raise InputError(f"{url}: cannot be listed: {_words(error)}") from error
    if not found:
        raise InputError(f"{url}: matches no file or directory")
    yield from ((files.unstrip_protocol(path), named) for path, named in found)


def _below(files: Any, place: str) -> Iterator[tuple[str, bool]]:  # noqa: ANN401  a file system of fsspec's
    if not files.isdir(place):
        yield place, True
        return
    listed = sorted(files.find(place))
    runs = [str(Path(path).parent) for path in listed if Path(path).name == RUN_FILE]
    yield from ((run, True) for run in runs)
    yield from ((path, False) for path in listed if not any(path.startswith(f"{run}/") for run in runs))


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the place in it."""
    try:
        from fsspec.core import url_to_fs

        files, place = url_to_fs(url)
    except ImportError as error:
        raise MissingDependencyError(f"{url}: {_INSTALL} ({_words(error)})") from error
    except Exception as error:  # as above
        raise InputError(f"{url}: cannot be opened: {_words(error)}") from error
    return files, place


def _words(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
