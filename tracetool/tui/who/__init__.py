"""The who view: which code of the guest did what to the flash."""

from __future__ import annotations

from tracetool.tui.view import View
from tracetool.tui.who.view import WhoView

__all__ = ["VIEW", "WhoView"]

VIEW = View("8", "Who", "Show which module of the guest did what to the flash.", WhoView, renewed=False)
