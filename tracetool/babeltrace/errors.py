"""Errors of libbabeltrace2 as one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.babeltrace.library import Library

__all__ = ["BabeltraceError", "logged", "take_causes"]

LENGTH = 600
# Causes end in the library's internals, with addresses: `: status=ERROR, comp-addr=0x55...`.
_DETAILS = re.compile(r"[:,]? [\w-]+=.*", re.DOTALL)
# `11-25 03:10:11.658  6575  6575 E PLUGIN/CTF/META/PARSER yyerror@parser.y:943 [trace 0] At line 14: syntax error`.
_LOGGED = re.compile(r"^\S+ \S+ +\d+ +\d+ E \S+ [^@\n]+@[^:\n]+:\d+ (?:\[[^]\n]*\] )?(.*)$", re.MULTILINE)


class BabeltraceError(Exception):
    """Failure of the library; the message is its chain of causes, the outermost first."""


def _briefly(message: str) -> str:
    return _DETAILS.sub("", message).strip().rstrip(".")


def logged(text: str) -> str:
    """Return the first error of the library's log, the one closest to the cause; empty if there is none."""
    found = _LOGGED.search(text)
    return _briefly(found[1])[:LENGTH] if found else ""


def take_causes(library: Library) -> str:
    """Take the causes of the last failure on this thread from the library, joined; empty if there is none."""
    error = library.bt_current_thread_take_error()
    if not error:
        return ""
    borrowed = (
        library.bt_error_borrow_cause_by_index(error, at) for at in range(library.bt_error_get_cause_count(error))
    )
    causes = [_briefly(library.bt_error_cause_get_message(cause).decode("utf-8", "replace")) for cause in borrowed]
    library.bt_error_release(error)
    said = ": ".join(dict.fromkeys(cause for cause in reversed(causes) if cause))
    return said if len(said) <= LENGTH else "…" + said[1 - LENGTH :]
