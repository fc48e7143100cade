"""Files and lines of other programs, which are not read as traces, each with what to do instead.

Ref: Linux tools/perf/util/header.c (PERFILE2) and perf-script(1); trace-cmd.dat.v7(5); systemd
docs/JOURNAL_FILE_FORMAT.md and docs/JOURNAL_EXPORT_FORMATS.md; CTF 1.8.3, 7.1; pcap-savefile(5), pcapng; System V ABI
(ELF header, e_type); QEMU migration/savevm.c and scripts/simpletrace.py; UEFI PI 1.8, volume 3, 3.2.1 (firmware volume
header); babeltrace2-sink.text.pretty(7).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracetool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.ingest.trace_reader import Health, TraceReader

__all__ = ["foreign_file", "foreign_journal", "foreign_line", "foreign_lines", "foreign_text", "require_events"]

_RECORD = "record with -trace 'pflash*' -D FILE, or with LTTng"
_UNPACK = "unpack it first"
_METADATA = "the metadata of a CTF trace; give the directory it is in"
_PACKETS = "captured network packets; give QEMU's log"
_PICTURE = "a picture; give QEMU's log"
_DISK = "a disk image, not a trace; give it with --image FILE beside the trace"
_JOURNAL = "give the output of journalctl -o json"

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PERFILE2", f"perf's data, where arguments have no names and devices no name; {_RECORD}"),
    (0, b"PERFFILE", f"perf's data, where arguments have no names and devices no name; {_RECORD}"),
    (0, b"\x17\x08\x44tracing", "trace-cmd's data; give the output of trace-cmd report -i FILE"),
    (0, b"LPKSHHRH", "a systemd journal; give the output of journalctl --file FILE -o json"),
    (0, b"\x57\x1d\xd1\x75", _METADATA),
    (0, b"\x75\xd1\x1d\x57", _METADATA),
    (0, b"/* CTF 1.8", _METADATA),
    (0, b"\xd4\xc3\xb2\xa1", _PACKETS),
    (0, b"\xa1\xb2\xc3\xd4", _PACKETS),
    (0, b"\x4d\x3c\xb2\xa1", _PACKETS),
    (0, b"\xa1\xb2\x3c\x4d", _PACKETS),
    (0, b"\x0a\x0d\x0d\x0a", _PACKETS),
    (0, b"QFI\xfb", _DISK),
    (0, b"KDMV", _DISK),
    (0, b"vhdxfile", _DISK),
    (0x40, b"\x7f\x10\xda\xbe", _DISK),
    (0, b"QEVM\0", "a saved state of QEMU's; give the log of the QEMU that wrote it"),
    (0, b"KDUMP   ", "a memory dump; give QEMU's log"),
    (0, b"SQLite format 3\0", "an SQLite database; give QEMU's log"),
    (0, b"%PDF-", "a PDF document; give QEMU's log"),
    (0, b"\x89PNG\r\n\x1a\n", _PICTURE),
    (0, b"\xff\xd8\xff", _PICTURE),
    (0, b"GIF8", _PICTURE),
    (0, b"PK\x03\x04", f"a zip archive; {_UNPACK}"),
    (4, b"1AY&SY", f"packed with bzip2; {_UNPACK}"),
    (0, b"\x04\x22\x4d\x18", f"packed with lz4; {_UNPACK}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"packed with 7-Zip; {_UNPACK}"),
)
_IMAGE = "a flash image, not a trace; give it with --image FILE beside the trace"
_ELF, _CORE = b"\x7fELF", 4
_VOLUME, _VOLUME_AT, _VOLUME_STEP = b"_FVH", 0x28, 0x1000

# Patterns are compiled, and kept by `re`, when a trace is met that needs them.
# A text that begins so is a trace all the same where events are in it.
_BEGINNINGS = (
    (rb"\s*<(?:!doctype html|html)\b", "a web page; save the raw file"),
    (rb"\s*<(?:\?xml|domain|domainsnapshot)\b", "XML; give QEMU's log"),
    (rb'\s*\{\s*"schema":\s*"tracetool\.run/', "the description of a run; give the directory it is in"),
    (rb'\s*\{\s*"schema":\s*"tracetool\.', "a report of this program; give the trace that it is about"),
    (
        rb'\{"trace":\d+,"boot":\d+|trace,boot,seq,',
        "a table of events; export to .parquet or .log instead",
    ),
    (rb'\s*\{\s*"traceEvents"', "a trace for Perfetto; give the one that it was made from"),
    (rb"\s*\$(?:date|version|timescale|comment)\b", "a VCD dump; give the trace that it was made from"),
)
# These have an entry's process and its text on different lines: two guests could not be told apart.
_JOURNALS = (
    (rb'\s*\{\s*\n\s*"(?:__CURSOR|MESSAGE|_\w+|[A-Z]\w+)" : ', f"journalctl -o json-pretty; {_JOURNAL}"),
    (rb"__CURSOR=|__REALTIME_TIMESTAMP=", f"journalctl -o export; {_JOURNAL}"),
    (rb"[^\n]* \[s=[0-9a-f]+;i=[0-9a-f]+;b=[^\n]*\n\s+\w+=", f"journalctl -o verbose; {_JOURNAL}"),
)

_PROBES = "event as perf or a probe prints it, without the names of its arguments"
_PRETTY = "event as babeltrace prints it"
_SIMPLETRACE = "event as simpletrace.py prints it"

_LINES: dict[str, str] = {
    _PROBES: f"perf's probes: the arguments have no names and the device is a pointer; {_RECORD}",
    _PRETTY: "what babeltrace prints of a CTF trace; give the trace's directory",
    _SIMPLETRACE: "what simpletrace.py prints of a trace; give the trace file itself",
}
"""By the reason of a damaged line, what a trace is that holds nothing else."""

# Names of any length would make it quadratic for a line of nothing but `pflash_`.
_SHAPES = (
    (r"pflash_\w{1,64}: \((?:0x)?[0-9a-f]{6,16}\)", _PROBES),
    (r"pflash_\w{1,64}: \{ ", _PRETTY),
    (r"(?:^|\s)pflash_\w{1,64} -?\d{1,20}\.\d{1,9} pid=\d", _SIMPLETRACE),
)


def foreign_file(head: bytes) -> str | None:
    """Name a binary file of another program by its first bytes, with what to do; None if unknown."""
    for at, magic, what in _MAGIC:
        if head.startswith(magic, at):
            return what
    if head.startswith(_ELF):
        core = _CORE in head[16:18]
        return "a core dump; give QEMU's log" if core else "a program (ELF); give the log that it wrote"
    if any(head.startswith(_VOLUME, at) for at in range(_VOLUME_AT, len(head), _VOLUME_STEP)):
        return _IMAGE
    return _IMAGE if head and not head.strip(b"\xff") else None


def foreign_text(head: bytes) -> str | None:
    """Name a text without events by its beginning, with what to do; None if unknown."""
    return next((what for pattern, what in _BEGINNINGS if re.match(pattern, head, re.IGNORECASE)), None)


def foreign_journal(head: bytes) -> str | None:
    """Name the form of a systemd journal that is not read, with what to do; None for any other file."""
    return next((what for pattern, what in _JOURNALS if re.match(pattern, head)), None)


def foreign_lines(health: Health) -> str | None:
    """Name a trace without events by its damaged lines, with what to do; None if unknown."""
    return next((_LINES[damage.reason] for damage in health.first_damaged if damage.reason in _LINES), None)


def foreign_line(line: str) -> str | None:
    """Reason for which a line that names a pflash event is damage: another program wrote it; None if none is known."""
    return next((why for pattern, why in _SHAPES if re.search(pattern, line, re.ASCII)), None)


def require_events(readers: Sequence[TraceReader], events: int) -> None:
    """Refuse traces without a pflash event, once they have been read.

    Where several are consecutive boots, each needs events: one without them was not traced.

    Args:
        readers: the traces.
        events: the number of events in all of them that the command looks at.

    Raises:
        InputError: names the traces, and how to record one.
    """
    silent = [reader for reader in readers if not (events and reader.health.events)]
    for reader in silent:
        what = foreign_lines(reader.health)
        if what is not None:
            raise InputError(f"{reader.meta.name}: is {what}")
    if silent:
        names = ", ".join(reader.meta.name for reader in silent)
        lines, unit = sum(reader.health.lines for reader in silent), silent[0].meta.unit
        seen = f"{lines:,} {unit}{'s' if lines != 1 else ''}"
        raise InputError(f"{names}: no pflash event in {seen}; start QEMU with -trace 'pflash*'")
