"""What the library logs, said on standard error like everything else."""

from __future__ import annotations

import logging

from tracetool.cli.common import say
from tracetool.library.inputs import LOGGER

__all__ = ["say_what_is_logged"]


class _Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Say one line."""
        say(record.getMessage())


def say_what_is_logged() -> None:
    """Print warnings and notes of the library."""
    if not LOGGER.handlers:
        LOGGER.addHandler(_Said())
    LOGGER.setLevel(logging.INFO)
