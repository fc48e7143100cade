"""Small inputs that ask for much: none takes over 500 MB or, on a usual machine, ten seconds of processor time."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import COMMAND, environment
from tests.tracetool.logs import log
from tests.tracetool.simple_traces import Simple
from tracetool.compression import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

MOST_BYTES = 500 << 20
MOST_S = 10
MOST_INPUT = 1 << 20
DEVICE = "virt.flash1"

_MEASURED = """
import sys
from tracetool.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        print(*(line for line in status if line.startswith("VmHWM:")), file=sys.stderr)
"""


def _realize(region: int, extent: int) -> str:
    return f"pflash_realize {DEVICE}: ro:0 blk_len:{extent:#x} total_len:{region:#x}\n"


def _scattered(region: int, extent: int) -> bytes:
    """Two boots, with a program at both ends and in many places between."""
    boot = log(DEVICE).reset()
    for offset in range(0, region, region // 1024 // 4 * 4):
        boot.program(offset & 0xFFFFFFF0, 1)
    return (_realize(region, extent) + boot.text * 2).encode()


def _tar(*members: tuple[str, int]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, size in members:
            info = tarfile.TarInfo(name)
            info.size = size
            archive.addfile(info, io.BytesIO(bytes(size)))
    return data.getvalue()


INPUTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a region of 4 GiB, all of it backed": ("a.log", lambda: _scattered(1 << 32, 1 << 32)),
    "a region of 4 GiB, half of it backed": ("a.log.zst", lambda: zstd.compress(_scattered(1 << 32, 1 << 31))),
    "a region of 2^60": ("a.log", (_realize(1 << 60, 1 << 59) + log(DEVICE).reset().erase(0).text).encode),
    "offsets near 2^63": (
        "a.log",
        log(DEVICE).reset().program((1 << 63) - 4, 1).program((1 << 64) - 4, 1).text.encode,
    ),
    "zeros in zstd": ("a.log.zst", lambda: zstd.compress(bytes(1 << 30))),
    "zeros in xz": ("a.log.xz", lambda: lzma.compress(bytes(512 << 20), preset=0)),
    "zeros in gzip": ("a.log.gz", lambda: gzip.compress(bytes(512 << 20))),
    "one line of 1 GiB": ("a.log.zst", lambda: zstd.compress(b"pflash_reset " + b"x" * (1 << 30))),
    "newlines": ("a.log.zst", lambda: zstd.compress(b"\n" * (1 << 29))),
    "a device name of 900 kB": ("a.log", lambda: b"pflash_reset " + b"x" * 900_000 + b": reset\n"),
    "names that are all different": (
        "a.log.gz",
        lambda: gzip.compress("".join(f"pflash_reset x{n}: reset\n" for n in range(200_000)).encode()),
    ),
    "a tar of empty files": ("a.tar.gz", lambda: gzip.compress(_tar(*((str(n), 0) for n in range(60_000))))),
    "a tar of zeros": ("a.tar.gz", lambda: gzip.compress(_tar(("metadata", 0), ("ch_0", 400 << 20)))),
    "simple records said to be long": (
        "a.simple",
        lambda: Simple().mapping("pflash_reset").data[:-4] + b"\xff\xff\xff\x7f" + bytes(100),
    ),
    "JSON in JSON": ("a.log", lambda: b"[" * 500_000 + b"]" * 500_000),
    "metadata that is nonsense": ("metadata", lambda: b"/* CTF 1.8 */\n" + b"struct {" * 100_000),
    "a run directory's record, deep": ("run.json", lambda: b"[" * 900_000),
    "a run directory's record, wide": ("run.json", lambda: json.dumps({"schema": "x" * 900_000}).encode()),
    "Parquet's beginning and nothing else": (
        "a.parquet",
        lambda: b"PAR1" + b"\xff" * 100_000 + b"\xff\xff\xff\x7fPAR1",
    ),
}


def _used(arguments: list[str]) -> tuple[int, str, float, int]:
    """Exit code, standard error, seconds of processor time and bytes of memory of the program.

    The program says itself what it took: what the system tells of a child counts what its parent had when it began.
    """
    command = [COMMAND[0], "-c", _MEASURED, *arguments]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said, _, peak = said.rpartition("VmHWM:")
    return process.returncode, said, usage.ru_utime + usage.ru_stime, int(peak.split()[0]) << 10


@pytest.mark.parametrize("name", INPUTS)
def test_a_small_input_asks_for_little(name: str, tmp_path: Path) -> None:
    file, make = INPUTS[name]
    data = make()
    assert len(data) <= MOST_INPUT
    (tmp_path / file).write_bytes(data)
    whole = tmp_path if file in ("metadata", "run.json") else tmp_path / file
    code, said, seconds, most = _used(["audit", str(whole)])
    assert code in (0, 1, 2, 3, 4), said
    assert "internal error" not in said
    assert "Traceback" not in said
    assert most < MOST_BYTES
    assert seconds < MOST_S


def test_an_image_that_is_a_bomb(tmp_path: Path) -> None:
    trace, image = tmp_path / "a.log", tmp_path / "flash.fd.zst"
    trace.write_text(_realize(1 << 32, 1 << 32) + log(DEVICE).reset().erase(0).text)
    image.write_bytes(zstd.compress(b"\xa5" * (1 << 30)))
    code, said, seconds, most = _used(["audit", str(trace), "--image", str(image)])
    assert code in (2, 3), said
    assert len(said.splitlines()) == 1
    assert most < MOST_BYTES
    assert seconds < MOST_S
