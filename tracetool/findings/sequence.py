"""SEQ: sequences of commands that no driver should send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.behaviour import Behaviour
from tracetool.findings.phrases import count_of, listed, place, strays
from tracetool.findings.registry import rule
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracetool.findings.registry import Case, Finding


@rule("SEQ001")
def not_a_command(case: Case) -> Iterator[Finding]:
    """Writes in a command cycle that start no command; on a read-only flash they are stray stores."""
    device = case.device
    if device is None or device.identity is None or device.identity.read_only:
        return
    found = device.tally.not_commands
    value, where = strays(case, found)
    yield from case.finding("SEQ001", found, f"{count_of(found.count, 'write')}{value} {where} started no command")


# What the operations of each rule are called: one, several, and what became of them.
_WORDS = {
    "SEQ003": ("erase", "erases", "without a confirm"),
    "SEQ006": ("program or erase", "programs and erases", "began with an error bit of an earlier operation set"),
}


def _register(rule_id: str, words: tuple[str, str, str]) -> Callable[[Case], Iterator[Finding]]:
    @rule(rule_id)
    def wrong(case: Case) -> Iterator[Finding]:
        found = case.operations(rule_id)
        if found is not None:
            one, several, what = words
            yield from case.finding(rule_id, found, f"{count_of(found.count, one, several)} {place(found)} {what}")

    return wrong


for _rule_id, _words in _WORDS.items():
    _register(_rule_id, _words)


@rule("SEQ002")
def not_stored(case: Case) -> Iterator[Finding]:
    """Buffered writes that came to nothing, and what another release of QEMU would have stored of them."""
    found = case.operations("SEQ002")
    if found is not None:
        writes = f"{count_of(found.count, 'buffered write')} {place(found)}"
        message = f"{writes} refused or aborted: the words are not in the flash{_elsewhere(case, found.count)}"
        yield from case.finding("SEQ002", found, message)


def _elsewhere(case: Case, count: int) -> str:
    """What the other way to stage buffered writes makes of them, where that is more."""
    other = case.device.otherwise if case.device is not None else None
    if case.device is None or other is None or not other.stored:
        return ""
    amount = (
        "it"
        if other.stored == count == 1
        else f"all {count:,}"
        if other.stored == count
        else f"{other.stored:,} of them"
    )
    if case.device.behaviour is Behaviour.STAGED_AT_DATA:
        return f". A QEMU that opens the window at the count's address (9.0.0 and earlier) would have stored {amount}"
    return (
        f". This QEMU opens the window at the count's address ({format_offset(other.window)}) and the first word was "
        f"for {format_offset(other.word)}: QEMU issue 2343. QEMU 9.0.1 would have stored {amount}"
    )


@rule("SEQ004")
def ends_midway(case: Case) -> Iterator[Finding]:
    """A trace whose last operation is not complete."""
    if case.device is None:
        return
    for notes in case.device.notes:
        if notes.ends_midway:
            yield case.at("SEQ004", notes.trace, notes.last_seq, "the trace ends in the middle of an operation")


@rule("SEQ005")
def left_in_command(case: Case) -> Iterator[Finding]:
    """A flash that does not give data when the trace ends."""
    if case.device is None:
        return
    for notes in case.device.notes:
        if notes.left_in_command is not None and not notes.ends_midway:
            message = f"left with command {notes.left_in_command:#04x} in force: reads do not give data"
            yield case.at("SEQ005", notes.trace, notes.last_seq, message)


@rule("SEQ007")
def took_more(case: Case) -> Iterator[Finding]:
    """Erases that took programmed data beyond the sector that they were asked for."""
    watch = case.device.watch if case.device is not None else None
    if watch is None:
        return
    wide = watch.wide_erases
    found = wide.found
    erases = f"{count_of(found.count, 'erase')} asked for at {listed(map(format_offset, sorted(wide.asked)))}"
    blocks = f"block{'s' if len(wide.blocks) > 1 else ''} {listed(map(str, sorted(wide.blocks)))}"
    size = f"{format_size(wide.block_bytes)}{' each' if len(wide.blocks) > 1 else ''}"
    lost = f"{found.bytes:,} B that this trace had programmed since the last erase"
    yield from case.finding("SEQ007", found, f"{erases} took all of {blocks} ({size}), with {lost}")
