"""Escape sequences of terminals: colouring filters put them around lines, guests among them.

Ref: ECMA-48, 5th edition, 5.4 (control sequences) and 8.3.89 (operating system commands); xterm, ctlseqs.
"""

from __future__ import annotations

import re

from tracetool.events import PREFIX

__all__ = ["ESCAPE", "without_escapes"]

ESCAPE = "\x1b"

# A cut sequence may precede an event directly. So none ends with the first letter of an event, nor with the @ of
# `PID@TIME`, and of those without parameters only a few are known.
_SEQUENCES = (
    rf"{ESCAPE}(?:\[[0-?]*[ -/]*(?!{PREFIX})[A-~]|\][^\x07\x1b\n]*(?:\x07|{ESCAPE}\\)"
    r"|[()*+][0AB]|[=>cDEHMNOZ]|[78](?!\d))"
)


def without_escapes(text: str) -> str:
    """The text without its escape sequences; no line is joined with another."""
    return re.sub(_SEQUENCES, "", text) if ESCAPE in text else text
