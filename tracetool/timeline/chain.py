"""A chain of callers as text: each `module+offset`, innermost first, with ` (function file:line)` where it is known."""

from __future__ import annotations

import re

__all__ = ["CALLED_BY", "OFFSET", "OTHER_STACK", "UNKNOWN", "code_words", "module_of"]

CALLED_BY = " < "
"""Between the callers of a chain."""

UNKNOWN = "?"
"""Name of code that lies in no known image."""

OTHER_STACK = "|"
"""In a chain: the callers that follow are on another stack."""

OFFSET = re.compile(r"\+0x[0-9a-f]+(?: \(.*\))?$")
"""What follows the module's name in a caller."""


def module_of(caller: str) -> str:
    """The module's name of a caller, without the offset."""
    return OFFSET.sub("", caller)


def code_words(by: str, chain: str) -> str:
    """Who made an access: `DxeIpl+0x3444, called by PeiCore`, and for whom, where that is a third module."""
    first, *callers = chain.split(CALLED_BY)
    modules = [module_of(caller) for caller in (first, *callers) if caller != OTHER_STACK]
    caller = next((module for module in modules[1:] if module != modules[0]), None)
    words = first if caller is None else f"{first}, called by {caller}"
    return words if by in (modules[0], caller) else f"{words}, for {by}"
