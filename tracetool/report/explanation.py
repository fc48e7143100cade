"""An explanation as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from replay.cfi import Opcode, Status
from replay.columns import JournalKind, Target
from tracetool.events import render
from tracetool.report.frames import seconds
from tracetool.report.layout import print_grid, print_words
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from replay.journal import Change
    from tracetool.analysis.inspection import Moment
    from tracetool.explain import Explanation

__all__ = ["change_title", "explanation_facts", "hex_diff", "operation_words", "print_explanation", "state_words"]

_LINE = 16
_MOST_LINES = 6


def print_explanation(explanation: Explanation, console: Console) -> None:
    """Print what `tracetool.explain.explain` found."""
    event = explanation.inspection.event
    print_words(console, Text(f"event {event['seq']}: {render(event)}", style="bold"), hang=2)
    console.print()
    for sentence in explanation.sentences:
        print_words(console, sentence)
    console.print()
    print_grid(console, list(explanation_facts(explanation)), first_style="dim")
    for change in explanation.inspection.changes:
        console.print()
        print_words(console, change_title(change), hang=2)
        for line in hex_diff(change):
            console.print(line, soft_wrap=True)


def explanation_facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    """What is to be said beside the sentences: a label and the words."""
    inspection = explanation.inspection
    event = inspection.event
    if event["time_ns"] is not None and explanation.start_ns is not None:
        trace = f"trace {event['trace']}, " if event["trace"] else ""
        yield "when", f"{seconds(event['time_ns'] - explanation.start_ns)} s, {trace}boot {event['boot']}"
    if explanation.address:
        yield "address", explanation.address
    if inspection.before is not None and inspection.after is not None:
        yield "before", state_words(inspection.before)
        yield "after", "the same" if inspection.after == inspection.before else state_words(inspection.after)
    elif inspection.step is None:
        yield "replayed", "no: a device or an event that the model does not have"
    if explanation.operation is not None:
        yield "operation", operation_words(explanation.operation)
    if explanation.policy is not None:
        yield "policy", explanation.policy
    for finding in explanation.findings:
        yield finding.severity.label, f"{finding.rule}: {finding.message}"


def state_words(moment: Moment) -> str:
    """A state in words: command, write cycle, status with its bits named."""
    known = {int(command): command.name.lower().replace("_", " ") for command in Opcode}
    name = "read array" if moment.cmd == 0 else known.get(moment.cmd, "unknown")
    bits = [bit.name.lower().replace("_", " ") for bit in Status if bit.name and moment.status & bit]
    status = f"status {moment.status:#04x} ({', '.join(bits) or 'no bit set'})"
    return f"cmd {moment.cmd:#04x} ({name}), wcycle {moment.wcycle}, {status}"


def operation_words(operation: dict[str, object]) -> str:
    """An operation in a line."""
    words = f"{operation['kind']}, events {operation['first_seq']} to {operation['last_seq']}, {operation['outcome']}"
    offset, length, changed = operation["offset"], operation["length"], operation["bytes_changed"]
    if isinstance(offset, int) and isinstance(length, int):
        words += f", {format_size(length)} at {format_offset(offset)}"
    if isinstance(changed, int) and changed:
        words += f", {changed:,} B changed"
    return words


# --- bytes -------------------------------------------------------------------------------------------------------


def change_title(change: Change) -> str:
    """Where a change is, and how much of it."""
    where = {Target.STORAGE: "in the flash", Target.BACKING: "in the image file"}
    place = where.get(change.target, "in the flash and in the image file")
    span = f"{format_size(change.length)} at {format_offset(change.offset)}"
    if change.kind == JournalKind.FORGET:
        return f"{span}, {place}, are no longer known"
    known = change.before_known & change.after_known
    different = int((known & (change.before != change.after)).sum())
    unknown = int((~known).sum())
    words = f"{span}, {place}: {different:,} B changed"
    return f"{words}, {unknown:,} B were not known" if unknown else words


def hex_diff(change: Change, width: int = _LINE) -> Iterator[Text]:
    """Lines of `width` bytes that changed, old above new, the bytes that differ marked; equal lines are left out."""
    if change.kind == JournalKind.FORGET:
        return
    unknown = ~(change.before_known & change.after_known)
    differs = (change.before != change.after) | unknown
    first = change.offset // width * width
    shown = left = 0
    for line in range(first, change.offset + change.length, width):
        low, high = max(line - change.offset, 0), min(line + width - change.offset, change.length)
        if not differs[low:high].any():
            continue
        if shown == _MOST_LINES:
            left += 1
            continue
        shown += 1
        yield from _lines(change, line, low, high, differs[low:high])
    if left:
        yield Text(f"  ... and {left:,} more lines that differ")


def _lines(change: Change, line: int, low: int, high: int, differs: NDArray[np.bool_]) -> Iterator[Text]:
    skipped = "   " * (change.offset + low - line)
    for sign, data, known, style in (
        ("-", change.before, change.before_known, "red"),
        ("+", change.after, change.after_known, "green"),
    ):
        text = Text(f"  {sign} {line:08x}  {skipped}")
        for value, sure, marked in zip(
            data[low:high].tolist(), known[low:high].tolist(), differs.tolist(), strict=True
        ):
            text.append(f"{value:02x}" if sure else "??", style=style if marked else "")
            text.append(" ")
        text.rstrip()
        yield text
    marks = "".join("^^ " if marked else "   " for marked in differs.tolist())
    yield Text(f"    {'':8}  {skipped}{marks}".rstrip())
