"""The image: the bytes of the flash at any moment of the trace."""

from tracetool.tui.image.view import ImageView

__all__ = ["ImageView"]
