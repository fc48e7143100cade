"""Every report byte for byte, against what was once looked at and found right.

`UPDATE_GOLDEN=1 python -m pytest tests/tracetool/report` writes the files anew; look at the difference before it is
committed.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import polars as pl
import pytest
from rich.console import Console

from replay.behaviour import Behaviour
from tests.captures import ROOT
from tests.tracetool.cli.program import tracetool
from tests.tracetool.logs import log
from tests.tracetool.traces import Again, images, reader, replayed
from tracetool.analysis.options import Options
from tracetool.audit import audit
from tracetool.ingest import open_trace
from tracetool.qemu.about import About
from tracetool.report.formats.html import write_html
from tracetool.report.formats.json import audit_document, document_text
from tracetool.report.formats.junit import write_junit
from tracetool.report.formats.sarif import sarif_document
from tracetool.report.formats.text import print_audit
from tracetool.report.frames import write_frames
from tracetool.report.state import print_state
from tracetool.report.verification import print_verification, write_verification
from tracetool.verify import Check, DeviceProof, Place, Standing, Subject, Verification, verify
from tracetool.verify.verification import RealDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.audit import Audit

GOLDEN = Path(__file__).with_name("golden")
SAMPLES = Path("samples")  # in the checkout: lines are broken by their length, so no place of it may be in them
PADDING = SAMPLES / "aavmf-shell-padding" / "trace.log.zst"
BEFORE = SAMPLES / "aavmf-shell-padding" / "flash1-before.fd.zst"
AFTER = SAMPLES / "aavmf-shell-padding" / "flash1-after.fd.zst"
FIRST_BOOT = SAMPLES / "aavmf-first-boot" / "trace.log.zst"

WIDTH = 72


def plain(printed: Callable[[Console], None]) -> bytes:
    """What is printed to a file."""
    text = StringIO()
    printed(Console(file=text, width=WIDTH, color_system=None, highlight=False))
    return text.getvalue().encode()


def audit_text() -> bytes:
    found = audit([open_trace(str(PADDING))], Options(), guests=100)
    return plain(lambda console: print_audit(found, console))


def audit_json() -> bytes:
    return document_text(audit_document(audit([open_trace(str(PADDING))], Options()))).encode()


def audit_for(write: Callable[[Audit], str]) -> bytes:
    return write(audit([open_trace(str(PADDING))], Options(), guests=100)).encode()


def audit_of_boots_text() -> bytes:
    found = audit([open_trace(str(FIRST_BOOT)), open_trace(str(PADDING))], Options())
    return plain(lambda console: print_audit(found, console))


def audit_incomplete_text() -> bytes:
    trace = log("virt.flash1").reset().program(0, 1).without("io_write")
    found = audit([Again(trace.text.encode(), 4 << 20)], Options())
    return plain(lambda console: print_audit(found, console))


def info_text() -> bytes:
    return tracetool("info", PADDING).out


def state_text() -> bytes:
    found = replayed([PADDING], images("virt.flash1", BEFORE))
    return plain(lambda console: print_state(found, console))


def verified() -> Verification:
    """A sample, its image with a byte changed, and a real device that differs from the trace."""
    device = DeviceProof(
        "virt.flash1",
        (
            Check(Subject.SELF_CHECK, Standing.PROVED, "4,378 events are what the model predicts", 4378),
            Check(Subject.IMAGE, Standing.DIFFERENT, "1 byte differs", 64 << 20, Place(None, None, 0x10, "00", "01")),
            Check(Subject.DEVICE_EVENTS, Standing.UNPROVED, "another device", 12, Place(0, 12, None, "a", "b")),
        ),
        ("10 accesses beyond its extent: this QEMU's flash has none",),
    )
    qemu = About("/usr/bin/qemu-system-aarch64", "7.2.22", "aarch64", frozenset({"virt"}), Behaviour.STAGED_AT_COUNT)
    real = RealDevice(qemu, "virt", 2118, 0.25, (0, 4000))
    return Verification((), (device,), real, ("virt.flash1: the model does what either device does",))


def verify_text() -> bytes:
    images_given = verify([open_trace(str(PADDING))], images("virt.flash1", BEFORE), after={"virt.flash1": AFTER})
    return plain(lambda console: print_verification(images_given, console)) + plain(
        lambda console: print_verification(verified(), console)
    )


def events(output_format: str) -> bytes:
    """A few events of the sample, with two devices and a program."""
    frame = pl.concat(reader(PADDING).chunks())
    file = BytesIO()
    write_frames([frame.head(12), frame.slice(4366, 8)], output_format, file, device=None)
    return file.getvalue()


OUTPUTS: dict[str, Callable[[], bytes]] = {
    "audit.txt": audit_text,
    "audit-boots.txt": audit_of_boots_text,
    "audit-incomplete.txt": audit_incomplete_text,
    "audit.json": audit_json,
    "audit.html": lambda: audit_for(write_html),
    "audit.sarif": lambda: audit_for(lambda found: document_text(sarif_document(found))),
    "audit.junit.xml": lambda: audit_for(write_junit),
    "info.txt": info_text,
    "state.txt": state_text,
    "verify.txt": verify_text,
    "verify.json": lambda: write_verification(verified()).encode(),
    "events.txt": lambda: events("table"),
    "events.csv": lambda: events("csv"),
    "events.jsonl": lambda: events("jsonl"),
}


def normalised(data: bytes) -> bytes:
    """Without the place of this checkout and the version that is being worked on."""
    data = data.replace(f'"semanticVersion": "{version("pflash-tracetool")}"'.encode(), b'"semanticVersion": "0"')
    return data.replace(f"file://{quote(str(ROOT / SAMPLES))}/".encode(), b"samples/")


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_report_is_what_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = normalised(OUTPUTS[name]())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        (GOLDEN / name).write_bytes(found)
    assert found.decode() == (GOLDEN / name).read_bytes().decode()


def test_every_golden_file_is_of_a_report() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(OUTPUTS)


def test_golden_files_keep_their_line_ends() -> None:
    """Git must not turn them into another system's."""
    assert "tests/tracetool/report/golden/* text eol=lf" in (ROOT / ".gitattributes").read_text().splitlines()
    assert not [path.name for path in GOLDEN.iterdir() if b"\r" in path.read_bytes()]
