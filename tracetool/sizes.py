"""Sizes and offsets as people write them, and back."""

from __future__ import annotations

import re

from tracetool.errors import UsageError

__all__ = ["MAX_SIZE", "about", "format_offset", "format_size", "parse_size"]

MAX_SIZE = 1 << 40
"""The largest size that is understood, in bytes: far beyond any flash, far below what int64 columns hold."""

_VALID = "write bytes (786432, 0xc0000) or a binary unit (768K, 512 KiB, 1.5M, 64MiB, 1G), at most 1024 GiB"
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_MAX_CHARACTERS = 40  # a number that long is out of bounds or spelt to confuse; int() need not see it
_SIZE = r"0x(?P<hex>[0-9a-f]+)|(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]+))?\s*(?:(?P<unit>[kmg])(?:i?b)?|b)?"


def parse_size(text: str) -> int:
    """Read a size such as `768K`, `64MiB`, `1.5M`, `512 k` or `0xc0000`.

    Units are binary in every spelling (K, KB and KiB are all 1024), as QEMU's own options have them.

    Returns:
        The size in bytes, 0 to `MAX_SIZE`.

    Raises:
        UsageError: not a size, negative, a fraction of a byte, or beyond `MAX_SIZE`; says what is valid.
    """
    fits = len(text) <= _MAX_CHARACTERS
    found = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE | re.ASCII) if fits else None
    if found is None:
        raise UsageError(f"{text[:_MAX_CHARACTERS]!r} is not a size: {_VALID}")
    size = int(found["hex"], 16) if found["hex"] else _decimal(text, found)
    if size > MAX_SIZE:
        raise UsageError(f"{text!r} is too large: {_VALID}")
    return size


def _decimal(text: str, found: re.Match[str]) -> int:
    fraction = found["fraction"] or ""
    scaled = int(found["whole"] + fraction) * _FACTORS[(found["unit"] or "").lower()]
    denominator: int = 10 ** len(fraction)
    size, rest = divmod(scaled, denominator)
    if rest:
        raise UsageError(f"{text!r} is not a whole number of bytes: {_VALID}")
    return size


def format_size(size: int) -> str:
    """Write a size in bytes exactly: `768 KiB`, `63.25 MiB`, `786433 B`.

    The largest binary unit is used in which the size has at most two decimals.
    """
    if size < 0:
        return f"-{format_size(-size)}"
    for unit, factor in _UNITS:
        hundredths, rest = divmod(100 * size, factor)
        if size >= factor and not rest:
            whole, decimals = divmod(hundredths, 100)
            return f"{whole}.{decimals:02d}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{size} B"


def about(size: int) -> str:
    """Write a size in bytes for the eye, where the bytes are said elsewhere: `62.94 MiB`, `768 KiB`, `6 B`.

    The largest unit of which there is one, rounded to two decimals; with `~` where that is not exact.
    """
    unit, factor = next(((unit, factor) for unit, factor in _UNITS if size >= factor), ("B", 1))
    hundredths, rest = divmod(100 * size, factor)
    rounded = f"{(hundredths + (2 * rest >= factor)) / 100:.2f}".rstrip("0").rstrip(".")
    return f"{'~' if rest else ''}{rounded} {unit}"


def format_offset(offset: int) -> str:
    """Write an offset in the device as QEMU's trace events do: hexadecimal, at least four digits (`0x0008`)."""
    return f"0x{offset:04x}"
