"""The overview: the answer without a key press."""

from tracetool.tui.overview.overview import Overview

__all__ = ["Overview"]
