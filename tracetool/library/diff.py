"""Two runs compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.library.trace import Trace
from tracetool.library.trace import open as open_traces

if TYPE_CHECKING:
    import os

    from tracetool.difference import Difference

__all__ = ["diff"]


def diff(a: Trace | str | os.PathLike[str], b: Trace | str | os.PathLike[str]) -> Difference:
    """Compare two runs: operations, figures, verdicts, findings, final contents and UEFI variables.

    Operations are aligned by device, kind, place, outcome and the data that they wrote; times and numbers of events
    are left out. The result's `equal` is True where nothing differs; its frames (`operations`, `figures`, `blocks`,
    `verdicts`, `findings`, `contents`, `variables`) have only what differs.

    Args:
        a: a trace as `open` returns it, or one that it takes.
        b: the trace that it is compared with.

    Raises:
        InputError: a trace cannot be read.
        UsageError: options of a trace contradict it.
    """
    from tracetool.difference import compare

    one, other = (each if isinstance(each, Trace) else open_traces(each) for each in (a, b))
    return compare(one._compared(), other._compared())  # noqa: SLF001  of the same package
