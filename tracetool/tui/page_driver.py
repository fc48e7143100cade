"""Input from a page: the key Esc is told from the start of a sequence within ESCDELAY, as in a terminal."""

from __future__ import annotations

from typing import Any

from textual import constants
from textual.drivers.web_driver import WebDriver

__all__ = ["PageDriver"]


class PageDriver(WebDriver):
    """Driver of pages."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  as textual's
        super().__init__(*arguments, **settings)
        self._input_reader.timeout = constants.ESCAPE_DELAY
