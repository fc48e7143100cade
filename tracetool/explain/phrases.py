"""Phrases of an explanation (`phrases.toml`), chosen by the event and its effect on the device."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from replay.cfi import Opcode
from replay.columns import CMD_UNKNOWN, Effect, Flag, OpKind
from replay.command_set import CommandSet
from tracetool.explain.cfi02_cycles import cfi02_cycle
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from replay.backing import Policy
    from tracetool.analysis.inspection import Inspection, Moment, Step

__all__ = ["event_words", "policy_words", "words"]


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """Load every phrase, by chapter and key."""
    return tomllib.loads(files("tracetool.explain").joinpath("phrases.toml").read_text(encoding="utf-8"))


def _fields(event: Mapping[str, Any]) -> dict[str, str]:
    """Format the event's values for the phrases."""
    value = event["value"]
    shown = {name: "?" if event[name] is None else f"{event[name]:#04x}" for name in ("value", "cmd")}
    sizes = {name: "?" if event[name] is None else format_size(event[name]) for name in ("length", "region")}
    return {
        **shown,
        **sizes,
        "offset": "?" if event["offset"] is None else format_offset(event["offset"]),
        "size": "?" if event["size"] is None else str(event["size"]),
        "count": "?" if value is None else f"{value + 1:,}",
        "text": {"ro": "read-only", "rw": "writable"}.get(event["text"] or "", event["text"] or ""),
    }


def event_words(inspection: Inspection) -> list[str]:
    """Say what the event is and what it did to the device, a sentence each."""
    event, step, before = inspection.event, inspection.step, inspection.before
    said = [words()["events"][event["event"]].format(**_fields(event))]
    if step is None or before is None:
        return said
    if event["event"] == "io_write":
        said.append(_cycle_words(inspection, before, step))
    place = {"offset": format_offset(max(step.effect_offset, 0)), "length": format_size(step.effect_length)}
    if inspection.command_set == CommandSet.CFI02 and step.effect == Effect.REFUSED:
        said.append(
            words()["cfi02"]["refused_suspended" if step.flags & Flag.SUSPENDED_TARGET else "refused_read_only"]
        )
    else:
        said.append(words()["effects"][Effect(step.effect).name].format(**place))
    return [phrase for phrase in said if phrase]


def _cycle_words(inspection: Inspection, before: Moment, step: Step) -> str:
    """Say which cycle of which command a write is."""
    event = inspection.event
    if step.effect == Effect.DISCARD:
        return ""
    if inspection.command_set == CommandSet.CFI02:
        return words()["cfi02"][cfi02_cycle(inspection, before, step)].format(low=f"{event['value'] & 0xFF:#04x}")
    if event["wcycle"] not in (None, before.wcycle):
        # The trace knows better than the model, which was not in step yet.
        before = before._replace(wcycle=event["wcycle"], cmd=_command_in(event["wcycle"]))
    if before.wcycle == 0:
        low = event["value"] & 0xFF
        known = low in {int(command) for command in Opcode}
        return words()["commands"][Opcode(low).name if known else "STRAY"].format(low=f"{low:#04x}")
    cycle = _cycle(before, step)
    left = inspection.words_left
    if cycle == "word" and left is not None:
        cycle = "words" if left else "last_word"
    count = (event["value"] & 0xFFFF) + 1 if left is None else left
    return words()["cycles"][cycle].format(count=f"{count:,}")


def _command_in(wcycle: int) -> int:
    """Command of a write cycle, where the cycle alone says so."""
    return int(Opcode.BUFFERED_PROGRAM) if wcycle > 1 else CMD_UNKNOWN


def _cycle(before: Moment, step: Step) -> str:
    """Key of the phrase for a later cycle."""
    wrong = bool(step.flags & Flag.BAD_SECOND_CYCLE)
    if before.cmd == Opcode.BUFFERED_PROGRAM:
        return {1: "count", 2: "word"}.get(before.wcycle, "confirm_wrong" if wrong else "confirm")
    if before.cmd in (Opcode.PROGRAM, Opcode.PROGRAM_ALTERNATE):
        return "program_data"
    if before.cmd in (Opcode.BLOCK_ERASE, Opcode.BLOCK_ERASE_ALTERNATE):
        return "erase_wrong" if wrong else "erase_confirm"
    if before.cmd == Opcode.LOCK_SETUP:
        return "lock_wrong" if wrong else "lock" if step.op_kind == OpKind.LOCK else "unlock"
    if before.cmd == Opcode.CFI_QUERY:
        return "query_stay" if wrong else "query_leave"
    return "unknown"


def policy_words(policy: Policy) -> str:
    """Say what a policy makes of an access beyond the extent."""
    return words()["policies"][policy.name]
