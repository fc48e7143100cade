"""Checks on the recording alone: its events, and its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.behaviour import Behaviour
from tracetool.audit.verdict import flaws
from tracetool.findings.phrases import count_of
from tracetool.findings.trace import difference
from tracetool.images import load_image
from tracetool.sizes import format_size
from tracetool.timeline.operations import WRITING
from tracetool.verify.contents import first_difference
from tracetool.verify.verification import Check, Place, Standing, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed

__all__ = ["image_check", "image_length", "self_check"]


def self_check(device: Device, replayed: Replayed) -> Check:
    """Check the trace's events against the model's predictions from its accesses."""
    events = sum(notes.events for notes in device.notes)
    for notes in device.notes:
        if notes.disagreement is not None:
            found = notes.disagreement
            of_trace = f" of trace {notes.trace}" if len(replayed.traces) > 1 else ""
            words = f"trace and model differ at event {found.seq}{of_trace}"
            more = notes.disagreements - 1
            words += f": {difference(found)}" + (f"; {count_of(more, 'more difference')} after it" if more > 0 else "")
            return Check(Subject.SELF_CHECK, Standing.DIFFERENT, words, events, Place(notes.trace, found.seq))
    reasons = [reason.text for reason in flaws(device, replayed)]
    if reasons:
        return Check(Subject.SELF_CHECK, Standing.UNPROVED, "; ".join(reasons), events)
    staging = "" if device.behaviour == Behaviour.UNDETERMINED else f", buffered writes {device.behaviour.label}"
    words = f"{count_of(events, 'event')} {'is' if events == 1 else 'are'} what the model predicts{staging}"
    return Check(Subject.SELF_CHECK, Standing.PROVED, words, events)


# --- the image ---------------------------------------------------------------------------------------------------


def image_length(device: Device) -> int:
    """Return the length of the device's image file: the region, or less if the file was shorter before."""
    machine = device.machine
    length = 0 if machine is None else machine.backed_bytes
    return length if device.image is None else min(length, len(device.image))


def image_check(device: Device, path: Path) -> Check:
    """Check the image file after the trace against the model's.

    Raises:
        InputError: it is unreadable, or longer than the flash.
    """
    machine = device.machine
    if machine is None:
        return Check(Subject.IMAGE, Standing.UNPROVED, "the device was not replayed, so its image is not known")
    geometry = machine.config.geometry
    given = load_image(path, limit=geometry.size)
    length = image_length(device)
    if device.image is None and not geometry.size_known and len(given) >= device.tally.ends.highest:
        length = min(length, len(given))  # the file decides the length of the flash
    known = machine.backing_mask[:length] == machine.known_value
    whole = known if len(given) == length else None
    found = first_difference(given, machine.backing()[:length], known=whole)
    if found is None:
        return _image_equal(path, length, int(known.sum()))
    place, words = found
    if len(given) == length and place.offset is not None:
        words += f"; {_last_writer(device, place.offset)}"
    return Check(Subject.IMAGE, Standing.DIFFERENT, f"{path} differs from the model's image: {words}", length, place)


def _image_equal(path: Path, length: int, known: int) -> Check:
    if known == length:
        words = f"all {format_size(length)} of {path} equal the model's"
        return Check(Subject.IMAGE, Standing.PROVED, words, length)
    words = f"{known:,} of {length:,} bytes are known without --image, and equal the model's in {path}"
    return Check(Subject.IMAGE, Standing.UNPROVED, words, known)


def _last_writer(device: Device, offset: int) -> str:
    """Describe the operation that last changed the byte."""
    reaches = (pl.col("offset") <= offset) & (pl.col("offset") + pl.col("length") > offset)
    changes = pl.col("kind").cast(pl.String).is_in(WRITING)
    done = pl.col("outcome").cast(pl.String) == "done"
    found = [part.filter(reaches & changes & done) for part in device.operations]
    last = next((part.row(-1, named=True) for part in reversed(found) if not part.is_empty()), None)
    if last is None:
        return "nothing in the trace writes there"
    return f"last written by the {last['kind']} of events {last['first_seq']} to {last['last_seq']}"
