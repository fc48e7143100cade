"""An explanation as text."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from replay.columns import JournalKind, Target
from tracetool.events import render
from tracetool.explain.names import command_name, status_names
from tracetool.report.frames import seconds
from tracetool.report.layout import print_grid, print_words
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.chain import code_words
from tracetool.timeline.touched import names_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from replay.command_set import CommandSet
    from replay.journal import Change
    from tracetool.analysis.inspection import Moment
    from tracetool.explain import Explanation

__all__ = ["Side", "change_title", "explanation_facts", "hex_diff", "operation_words", "print_explanation"]


class Side(StrEnum):
    """Which of the two contents a byte belongs to."""

    BEFORE = "before"
    AFTER = "after"


_STYLES = {Side.BEFORE: "red", Side.AFTER: "green"}
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
    findings = [(found.severity.label, f"{found.rule}: {found.message}") for found in explanation.findings]
    print_grid(console, [*explanation_facts(explanation), *findings], first_style="dim")
    for change in explanation.inspection.changes:
        console.print()
        print_words(console, change_title(change), hang=2)
        for line in hex_diff(change, structure=explanation.structure):
            parts = ((part, "" if side is None else _STYLES[side]) for part, side in line)
            console.print(Text.assemble(*parts), soft_wrap=True)


def explanation_facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    """Facts beside the sentences, a label and a phrase each; findings are not among them."""
    inspection = explanation.inspection
    event = inspection.event
    if event["time_ns"] is not None and explanation.start_ns is not None:
        trace = f"trace {event['trace']}, " if event["trace"] else ""
        yield "when", f"{seconds(event['time_ns'] - explanation.start_ns)} s, {trace}boot {event['boot']}"
    if explanation.address:
        yield "address", explanation.address
    if inspection.before is not None and inspection.after is not None:
        yield "before", _state_words(inspection.before, inspection.command_set)
        yield (
            "after",
            "the same"
            if inspection.after == inspection.before
            else _state_words(inspection.after, inspection.command_set),
        )
    elif inspection.step is None:
        yield "replayed", "no: a device or an event that the model does not have"
    if explanation.operation is not None:
        yield "operation", operation_words(explanation.operation)
        if explanation.operation["part"] not in (None, "outside"):
            yield "variables", touched_words(explanation.operation)
    if explanation.code is not None:
        by, chain = explanation.code
        yield "code", code_words(by, chain)
        yield "chain", chain
    if explanation.policy is not None:
        yield "policy", explanation.policy


def _state_words(moment: Moment, command_set: CommandSet) -> str:
    """Describe a state: command, write cycle, status with its bits named."""
    name = command_name(moment.cmd, command_set)
    bits = status_names(moment.status, command_set)
    status = f"status {moment.status:#04x} ({', '.join(bits) or 'no bit set'})"
    return f"cmd {moment.cmd:#04x} ({name}), wcycle {moment.wcycle}, {status}"


def operation_words(operation: dict[str, object]) -> str:
    """Describe an operation in a line."""
    words = f"{operation['kind']}, events {operation['first_seq']} to {operation['last_seq']}, {operation['outcome']}"
    offset, length, changed = operation["offset"], operation["length"], operation["bytes_changed"]
    if isinstance(offset, int) and isinstance(length, int):
        words += f", {format_size(length)} at {format_offset(offset)}"
    if isinstance(changed, int) and changed:
        words += f", {changed:,} B changed"
    return words


def touched_words(operation: dict[str, Any]) -> str:
    """Describe what an operation touched of a variable store: `update, header of BootOrder`."""
    names = operation["variable"]
    of = "" if names is None else f" of {sanitize(names_text(names))}"
    return f"{operation['intent']}, {operation['part']}{of}"


# --- bytes -------------------------------------------------------------------------------------------------------


def change_title(change: Change) -> str:
    """Say where a change is, and how many bytes differ."""
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


def hex_diff(
    change: Change, width: int = _LINE, *, structure: Callable[[int], str | None] = lambda _offset: None
) -> Iterator[list[tuple[str, Side | None]]]:
    """Lines of `width` bytes that changed, old above new, then marks below; equal lines are left out.

    A line is parts of text; those of bytes that differ have the side that they are on. `structure` names what a byte
    belongs to, by its offset: a last line has the names of those that differ.
    """
    if change.kind == JournalKind.FORGET:
        return
    differs = (change.before != change.after) | ~(change.before_known & change.after_known)
    lines = np.unique((change.offset + np.flatnonzero(differs)) // width * width).tolist()
    for at in lines[:_MOST_LINES]:
        row = slice(max(at - change.offset, 0), min(at + width - change.offset, change.length))
        yield from _lines(change, at, row, differs[row].tolist())
        offsets = [change.offset + row.start + number for number in np.flatnonzero(differs[row]).tolist()]
        names = {found: None for offset in offsets if (found := structure(offset))}
        if names:
            yield [(f"    {'':8}  {sanitize(', '.join(names))}", None)]
    left = len(lines) - _MOST_LINES
    if left > 0:
        yield [(f"  ... and {left:,} more lines that differ", None)]


def _lines(change: Change, at: int, row: slice, differs: list[bool]) -> Iterator[list[tuple[str, Side | None]]]:
    skipped = "   " * (change.offset + row.start - at)
    for sign, side, data, known in (
        ("-", Side.BEFORE, change.before, change.before_known),
        ("+", Side.AFTER, change.after, change.after_known),
    ):
        parts: list[tuple[str, Side | None]] = [(f"  {sign} {at:08x}  {skipped}", None)]
        for value, sure, differing in zip(data[row].tolist(), known[row].tolist(), differs, strict=True):
            parts += [(f"{value:02x}" if sure else "??", side if differing else None), (" ", None)]
        yield parts[:-1]
    marks = "".join("^^ " if differing else "   " for differing in differs)
    yield [(f"    {'':8}  {skipped}{marks}".rstrip(), None)]
