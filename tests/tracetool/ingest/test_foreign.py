"""What is no trace is named, with what to do instead; never is it green."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT, case_path
from tests.tracetool.ingest.support import read_file
from tests.tracetool.ingest.test_text import WRITE
from tracetool.errors import InputError
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

PERF = (
    "qemu-system-x86 41 [003] 9.000074: sdt_qemu:pflash_io_read: (5617aa00beef) arg1=0x8 arg2=0x1 arg3=0x80 arg4=0x70"
)
PRETTY = '[08:47:05.892] (+0.000) host qemu:pflash_reset: { cpu_id = 1 }, { name = "virt.flash1" }'
SIMPLETRACE = "pflash_io_write 12.345 pid=25287 name=b'virt.flash1' offset=0x8 size=0x4 value=0x90 wcycle=0x0"
FILES: dict[str, tuple[bytes, str]] = {
    "perf.data": (b"PERFILE2" + bytes(96), "record with -trace 'pflash*'"),
    "trace.dat": (b"\x17\x08\x44tracing6\0" + bytes(90), "trace-cmd report"),
    "journal": (b"LPKSHHRH" + bytes(200), "journalctl --file FILE -o json"),
    "metadata": (b"\x57\x1d\xd1\x75" + bytes(60), "give the directory"),
    "text metadata": (b"/* CTF 1.8 */\n\ntypealias integer {", "give the directory"),
    "pcap": (b"\xd4\xc3\xb2\xa1" + bytes(20), "network packets"),
    "core": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\0" + bytes(99), "a core dump"),
    "qcow2": (b"QFI\xfb\0\0\0\x03" + bytes(99), "--image FILE"),
    "erased flash": (b"\xff" * 70_000, "a flash image"),
    "firmware": (bytes(40) + b"_FVH" + bytes(4096), "a flash image"),
    "padded firmware": (bytes(0x1028) + b"_FVH" + bytes(4096), "a flash image"),
    "state": (b"QEVM\0\0\0\x03" + bytes(99), "a saved state"),
    "zip": (b"PK\x03\x04" + bytes(99), "unpack it"),
    "bzip2": (b"BZh91AY&SY" + bytes(99), "unpack it"),
    "page": (b"<!DOCTYPE html>\n<html><body>404 pflash_io_write</body></html>", "a web page"),
    "domain": (b"<domain type='kvm'>\n", "XML"),
    "run.json": (b'{\n  "schema": "tracetool.run/1"\n}', "give the directory it is in"),
    "report": (b'{"schema": "tracetool.audit/1"}', "a report of this program"),
    "rows": (b'{"trace":0,"boot":0,"seq":0,"event":"reset"}\n', "a table of events"),
    "csv": (b"trace,boot,seq,time_ns\n", "a table of events"),
    "vcd": (b"$date\n today $end\n", "a VCD dump"),
    "json-pretty": (f'{{\n\t"__CURSOR" : "s",\n\t"MESSAGE" : "{WRITE}",\n'.encode(), "journalctl -o json"),
    "export": (f"__CURSOR=s=1\n_PID=7\nMESSAGE={WRITE}\n\n".encode(), "journalctl -o json"),
    "verbose": (f"Sun 2026-11-22 [s=1f;i=2;b=3;m=4]\n    _PID=7\n    MESSAGE={WRITE}\n".encode(), "journalctl -o json"),
    "perf script": (f"{PERF}\n".encode() * 9, "the arguments have no names"),
    "ftrace probes": (b"q-7 [000] 1.5: pflash_reset: (0x55d0c0ffee00)\n", "the arguments have no names"),
    "babeltrace": (f"{PRETTY}\n".encode(), "give the trace's directory"),
    "simpletrace.py": (f"{SIMPLETRACE}\n".encode(), "give the trace file itself"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_trace_is_named_with_its_remedy(name: str, tmp_path: Path) -> None:
    data, words = FILES[name]
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_trace(str(path))
    assert str(caught.value).startswith(f"{path}: is ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", [PERF, PRETTY, SIMPLETRACE])
def test_lines_of_other_programs_between_events_are_damage(line: str, tmp_path: Path) -> None:
    health = read_file(tmp_path / "t", f"{WRITE}\n{line}\n{WRITE}\n".encode()).health
    assert (health.events, health.damaged) == (2, 1)


def test_events_after_something_else_make_a_trace(tmp_path: Path) -> None:
    for beginning in ("<domain type='kvm'>\n</domain>\n", "$date\n", '{"schema": "tracetool.audit/1"}\n'):
        assert read_file(tmp_path / "t", f"{beginning}{WRITE}\n".encode()).health.events == 1


def test_probes_far_into_a_text_are_named_too(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "t"
    path.write_text("something else\n" * 9000 + f"{PERF}\n")
    ended = quick("audit", path)
    assert (ended.code, ended.err.count("\n")) == (3, 1)
    assert "the arguments have no names" in ended.err


def test_what_perf_script_prints_is_named(quick: Quick) -> None:
    ended = quick("audit", case_path("perf-script.txt.zst"))
    assert ended.code == 3
    assert "the arguments have no names and the device is a pointer; record with -trace" in ended.err


def test_a_file_of_this_checkout_that_is_none_is_refused(tmp_path: Path, quick: Quick) -> None:
    program = shutil.which("true")
    assert program is not None
    assert "a program (ELF)" in quick("info", program).err
    packed = tmp_path / "t.gz"
    packed.write_bytes(subprocess.run(["gzip", "-c", ROOT / "README.md"], capture_output=True, check=True).stdout)
    assert quick("audit", packed).code == 3


@pytest.mark.parametrize(
    "piece", ["pflash_", "pflash_a", "pflash_a: ", "pflash_a 1", '","a":{', "9", "lost 9", "\x1b[9"]
)
def test_long_lines_of_anything_take_no_time(piece: str, tmp_path: Path) -> None:
    """A search that is quadratic in the length would take minutes."""
    line = piece * ((1 << 20) // len(piece) - 1)
    reading = read_file(tmp_path / "t", f"{WRITE}\n{line} lost\n{line}}}\n{WRITE}\n".encode())
    assert reading.health.events == 2
