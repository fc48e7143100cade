"""The recorded samples that come with the package."""

from __future__ import annotations

from pathlib import Path

from tracetool.errors import InputError

__all__ = ["sample"]

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "samples", _PACKAGE.parent / "samples")  # in the wheel; in a checkout


def sample(name: str) -> Path:
    """Find a sample by its path in `samples/`, such as `aavmf-shell-padding/trace.log.zst`.

    Raises:
        InputError: the installation has no such sample.
    """
    for place in _PLACES:
        path = place / name
        if path.is_file():
            return path
    raise InputError(f"{name}: no such sample in {_PLACES[0]}; install the package again, or name a trace of your own")
