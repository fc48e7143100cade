"""Messages of the library, printed on standard error like those of the commands."""

from __future__ import annotations

import logging

from tracetool.cli.common import say
from tracetool.library.inputs import LOGGER

__all__ = ["say_what_is_logged"]


class _Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        say(record.getMessage())


def say_what_is_logged() -> None:
    """Print warnings and notes of the library."""
    if not LOGGER.handlers:
        LOGGER.addHandler(_Said())
    LOGGER.setLevel(logging.INFO)
