"""The image: the bytes of the flash at any moment of the trace."""

from __future__ import annotations

from tracetool.tui.image.view import ImageView
from tracetool.tui.view import View

__all__ = ["VIEW", "ImageView"]

VIEW = View("5", "Image", "Show the bytes of the flash at any moment.", ImageView)
