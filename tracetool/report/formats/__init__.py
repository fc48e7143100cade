"""The reports of an audit: a module each, which describes itself in `REPORT`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from tracetool.audit import Audit

__all__ = ["REPORTS", "Report"]


@dataclass(frozen=True)
class Report:
    """One report.

    Attributes:
        name: value of `--format`.
        render: returns text, which is written as UTF-8, or bytes; the console has width, colours and encoding.
        unfit: why a terminal cannot show it, as in `a page for a browser`; empty where it can.
        names_lines: it names lines of traces, so the traces are read again to fill `Audit.lines`.
    """

    name: str
    render: Callable[[Audit, Console], str | bytes]
    unfit: str = ""
    names_lines: bool = False


REPORTS = Registry[Report](
    "tracetool.report.formats",
    "REPORT",
    {
        "text": "for people",
        "json": "for programs",
        "html": "for a browser",
        "sarif": "for code scanning",
        "junit": "for CI",
    },
)
