"""A verification as text, and as JSON with the schema `tracetool.verify/1`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tracetool.findings.phrases import count_of
from tracetool.report.formats.json import document_text
from tracetool.report.layout import print_grid, print_words
from tracetool.verify import Standing, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from tracetool.verify import DeviceProof, Verification
    from tracetool.verify.verification import RealDevice

__all__ = ["SCHEMA", "print_verification", "write_verification"]

SCHEMA = "tracetool.verify/1"

_STYLE = {Standing.PROVED: "bold green", Standing.DIFFERENT: "bold red", Standing.UNPROVED: "bold yellow"}
_HEADLINE = {Standing.PROVED: "PROVED", Standing.DIFFERENT: "DIFFERENT", Standing.UNPROVED: "INCONCLUSIVE"}
_LABELS = {
    Subject.SELF_CHECK: "trace and model",
    Subject.IMAGE: "image and model",
    Subject.DEVICE_EVENTS: "trace and device",
    Subject.DEVICE_MODEL: "device and model",
    Subject.DEVICE_IMAGE: "image of the device",
    Subject.DEVICE_CONTENTS: "contents of the device",
}


def print_verification(found: Verification, console: Console) -> None:
    """Print the report; `console` decides about colour and width."""
    standing = found.standing
    print_words(console, Text.assemble((_HEADLINE[standing], _STYLE[standing]), ": ", _words(found)))
    if found.real is not None:
        print_words(console, _real(found.real))
    for device in found.devices:
        console.print()
        console.print(Text.assemble((device.name, "bold"), "  ", (str(device.standing), _STYLE[device.standing])))
        print_grid(console, list(_rows(device)), first_style="dim")
    if found.conclusions:
        console.print()
        for line in found.conclusions:
            print_words(console, line)


def _words(found: Verification) -> str:
    """Sum it up in one sentence without a full stop."""
    of_whom = {standing: [d.name for d in found.devices if d.standing == standing] for standing in Standing}
    if found.standing == Standing.PROVED:
        events = sum(trace.events for trace in found.traces)
        device = "" if found.real is None else f", as {found.real.about.name} does{_so_far(found.real)}"
        return f"the model does what the trace shows, in all of {count_of(events, 'event')}{device}"
    names = " and ".join(of_whom[Standing.DIFFERENT] or of_whom[Standing.UNPROVED])
    if found.standing == Standing.DIFFERENT:
        return f"not everything that was compared for {names} is equal"
    if of_whom[Standing.DIFFERENT]:
        return f"the trace of {names} is not what the model predicts, so it proves nothing"
    return f"not everything could be proved for {names}"


def _so_far(real: RealDevice) -> str:
    return "" if real.stopped_at is None else f" up to event {real.stopped_at[1]:,}"


def _real(real: RealDevice) -> str:
    pace = f"{count_of(real.accesses, 'access', 'accesses')} in {real.seconds:.1f} s"
    return f"driven on {real.about.path} {real.about.version}, -M {real.machine}: {pace}"


def _rows(device: DeviceProof) -> Iterator[tuple[str | Text, ...]]:
    for check in device.checks:
        standing = Text(str(check.standing), style=_STYLE[check.standing].removeprefix("bold "))
        yield _LABELS[check.subject], standing, check.words
    for number, reason in enumerate(device.not_compared):
        yield "" if number else "not compared", "", reason


# --- JSON --------------------------------------------------------------------------------------------------------


def write_verification(found: Verification) -> str:
    """Serialise the verification; see `document_text`."""
    document = {
        "schema": SCHEMA,
        "standing": str(found.standing),
        "traces": [{"name": trace.meta.name, "events": trace.events} for trace in found.traces],
        "qemu": None if found.real is None else _qemu(found.real),
        "devices": [_device(device) for device in found.devices],
        "conclusions": list(found.conclusions),
    }
    return document_text(document)


def _qemu(real: RealDevice) -> dict[str, Any]:
    stopped = None if real.stopped_at is None else dict(zip(("trace", "seq"), real.stopped_at, strict=True))
    return {
        "path": real.about.path,
        "version": real.about.version,
        "architecture": real.about.architecture,
        "machine": real.machine,
        "accesses": real.accesses,
        "seconds": round(real.seconds, 3),
        "stopped_at": stopped,
    }


def _device(device: DeviceProof) -> dict[str, Any]:
    return {
        "name": device.name,
        "standing": str(device.standing),
        "checks": [
            {
                "check": str(check.subject),
                "standing": str(check.standing),
                "compared": check.compared,
                "place": None if check.place is None else asdict(check.place),
                "message": check.words,
            }
            for check in device.checks
        ],
        "not_compared": list(device.not_compared),
    }
