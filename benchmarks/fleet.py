"""Fleets: many runs made of the recorded first boot, and what it takes to read them.

`python -m benchmarks.fleet make DIR COUNT` makes run directories: most did the same, some wrote more, some beyond their
extent, some are cut, damaged or without their trace. `python -m benchmarks.fleet measure DIR` reads them by a loop and
by worker processes, in turn, and prints what each took; `kill DIR` does so once, and by a scheduler's workers, of which
one is killed; `dispatch . COUNT` has the workers read nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import run, tracetool
from replay.sparse import sparse_zeros
from tests.captures import ROOT
from tests.tracetool.runs.support import WRITTEN, a_run
from tracetool.compression import zstd
from tracetool.images import load_image, write_image
from tracetool.runs.directory import write_run
from tracetool.runs.run import Flash, SavedImage

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from benchmarks.measure import Run

__all__ = ["make_fleet"]

REGION = 64 << 20
CODE_BYTES = 2 << 20
SEED = 20261129

_SAMPLES = ROOT / "samples"
_WRITE = re.compile(rb"^.*pflash_io_write virt\.flash1: offset:\S+ size:4 value:0xe800e8 wcycle:0\n", re.MULTILINE)


def make_fleet(folder: Path, count: int, seed: int = SEED) -> list[Path]:
    """Make `count` run directories in a folder; the same for the same seed. Returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)  # noqa: S311  not for secrets
    images = folder.with_name(f"{folder.name}-images")
    images.mkdir(exist_ok=True)
    before = _Image(images / "before.fd", load_image(_SAMPLES / "aavmf-first-boot/flash1-before.fd.zst", limit=REGION))
    codes = [_Image(images / f"code-{number}.fd", _code(number)) for number in range(2)]
    boot, beyond = (_log(name) for name in ("aavmf-first-boot", "aavmf-shell-padding"))
    last_write = boot[[found.start() for found in _WRITE.finditer(boot)][-1] :]
    kinds: list[tuple[float, Callable[[Random], bytes | None]]] = [
        (0.84, lambda _: _packed(boot)),
        (0.06, lambda chance: _packed(boot + last_write * chance.randint(1, 3))),
        (0.02, lambda chance: _packed(boot + last_write * chance.randint(4, 400))),
        (0.02, lambda _: _packed(beyond)),
        (0.02, lambda chance: _packed(boot[: chance.randrange(100_000, len(boot))])),
        (0.015, lambda chance: _packed(boot)[: chance.randrange(1000, 60_000)]),
        (0.015, lambda chance: chance.randbytes(20_000)),
        (0.01, lambda _: None),
    ]
    runs = []
    for number in range(count):
        (kind,) = chance.choices([make for _, make in kinds], [weight for weight, _ in kinds])
        runs.append(folder / f"run-{number}")
        _make_run(runs[-1], kind(chance), codes[chance.random() < 0.3], before)
    return runs


class _Image:
    """A flash image that the runs share: linked, as its holes would be lost in some copies."""

    def __init__(self, path: Path, data: np.ndarray) -> None:
        self.path = path
        self.saved = SavedImage(None, len(data), hashlib.sha256(data.data).hexdigest())
        write_image(path, data)

    def at(self, folder: Path, name: str) -> SavedImage:
        """The image in a run directory."""
        target = folder / "before" / name
        target.unlink(missing_ok=True)
        os.link(self.path, target)
        return replace(self.saved, file=f"before/{name}")


def _code(number: int) -> np.ndarray:
    """A code flash: 2 MiB of code, and zeros."""
    image = sparse_zeros(REGION)
    image[:CODE_BYTES] = np.random.default_rng(number).integers(0, 256, CODE_BYTES, np.uint8)
    return image


def _log(sample: str) -> bytes:
    with zstd.open(_SAMPLES / sample / "trace.log.zst") as stream:
        data: bytes = stream.read()
    return data


def _packed(log: bytes) -> bytes:
    packed: bytes = zstd.compress(log, 1)
    return packed


def _make_run(folder: Path, trace: bytes | None, code: _Image, before: _Image) -> None:
    (folder / "before").mkdir(parents=True, exist_ok=True)
    if trace is not None:
        (folder / "trace.log.zst").write_bytes(trace)
    flashes = (
        Flash(
            0, "virt.flash0", read_only=True, image="/code.fd", format="raw", before=code.at(folder, "virt.flash0.fd")
        ),
        replace(WRITTEN, before=before.at(folder, "virt.flash1.fd")),
    )
    write_run(folder, a_run(flashes=flashes))


# --- measuring ---------------------------------------------------------------------------------------------------


def measure(folder: Path, times: int) -> None:
    """Read a fleet by a loop and by workers, in turn; print the fastest of each. All tables must be equal."""
    found: dict[str, list[Run]] = {}
    tables = set()
    for _ in range(times):
        for jobs in ("1", "2", "4"):
            one, table = _fleet(folder, f"jobs-{jobs}", "--jobs", jobs)
            found.setdefault(jobs, []).append(one)
            tables.add(table)
    assert len(tables) == 1, tables
    runs = _runs(folder)
    seconds, cpu_seconds = (min(getattr(one, name) for one in found["1"]) for name in ("seconds", "cpu_seconds"))
    for workers, each in found.items():
        best, cpu = min(one.seconds for one in each), min(one.cpu_seconds for one in each)
        _say(
            jobs=int(workers),
            runs_a_second=round(runs / best, 2),
            seconds_of_the_loop=round(best / seconds, 3),
            cpu_seconds=round(cpu, 1),
            cpu_of_the_loop=round(cpu / cpu_seconds, 3),
            parent_mib=round(max(one.memory for one in each) / (1 << 20)),
        )


def kill(folder: Path) -> None:
    """Read a fleet by a loop, by two workers, and by a scheduler's two, one of which is killed after a fifth of it."""
    tables = {
        "loop": _whole(folder, "loop"),
        "jobs-2": _whole(folder, "jobs-2", "--jobs", "2"),
        "killed": _scheduled(folder, "killed"),
    }
    assert len(set(tables.values())) == 1, tables


def _whole(folder: Path, name: str, *options: str, keep: bool = False) -> str:
    """Read a fleet and print what it took, with all processes that it took; return the table's hash."""
    resident: list[int] = []
    with ThreadPoolExecutor(1) as threads:
        one, table = _fleet(
            folder, name, *options, keep=keep, started=lambda pid: threads.submit(_watch_memory, pid, resident)
        )
    _say(
        name=name,
        runs_a_second=round(_runs(folder) / one.seconds, 2),
        seconds=round(one.seconds, 1),
        cpu_seconds=round(one.cpu_seconds, 1),
        parent_mib_by_tenths=[resident[len(resident) * tenth // 10] for tenth in range(10)] + [max(resident)],
        table=table[:16],
    )
    return table


def _watch_memory(pid: int, resident: list[int]) -> None:
    """Collect the resident MiB of a process alone, each second to its end."""
    with suppress(FileNotFoundError, ProcessLookupError):
        while pages := int(Path(f"/proc/{pid}/statm").read_text().split()[1]):
            resident.append(pages * os.sysconf("SC_PAGE_SIZE") >> 20)
            time.sleep(1)


def _scheduled(folder: Path, name: str) -> str:
    """Read a fleet by a scheduler's two workers, and kill one; print what all took; return the table's hash."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    cache, place = _cache(folder, name), folder.with_name(f"{folder.name}-scheduler.json")
    place.unlink(missing_ok=True)
    dask = [sys.executable, "-m", "dask"]
    settings = os.environ | {"POLARS_MAX_THREADS": "1", "XDG_CACHE_HOME": str(cache)}
    before = _cpu_of_children()
    with ExitStack() as stack:

        def start(*arguments: str) -> int:
            process = stack.enter_context(subprocess.Popen([*dask, *arguments], **quiet, env=settings))  # type: ignore[call-overload]
            stack.callback(process.terminate)
            return int(process.pid)

        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place))
        while not place.exists():
            time.sleep(0.1)
        address = json.loads(place.read_text())["address"]
        victim, _ = (start("worker", address, "--nthreads", "1", "--no-dashboard") for _ in range(2))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        reading = threads.submit(_whole, folder, name, "--scheduler", address, "--insecure", keep=True)
        while (done := _kept(cache)) < _runs(folder) / 5 and not reading.done():
            time.sleep(0.05)
        (child,) = (int(pid) for pid in Path(f"/proc/{victim}/task/{victim}/children").read_text().split()[-1:])
        os.kill(child, signal.SIGKILL)
        table = reading.result()
    _say(killed_after=done, cpu_seconds_of_all=round(_cpu_of_children() - before, 1))
    return table


def _kept(cache: Path) -> int:
    """Count the runs whose rows are in a cache."""
    return len(list(cache.glob("tracetool/fleet/*.json")))


def _runs(folder: Path) -> int:
    return sum(entry.name.startswith("run-") for entry in folder.iterdir())


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def dispatch(tasks: int) -> None:
    """Hand runs that are not there to two workers: what the scheduler costs."""
    from tracetool.library.fleet import Task, completed  # noqa: PLC0415  with polars, which measuring does not need
    from tracetool.library.workers import local_workers  # noqa: PLC0415

    with local_workers(2) as executor:
        begin, cpu = time.perf_counter(), time.process_time()
        count = sum(1 for _ in completed((Task(f"missing-{number}") for number in range(tasks)), executor))
        wall, used = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _say(tasks=count, tasks_a_second=round(count / wall), parent_cpu_ms=round(1000 * used / count, 2), mib=round(peak))


def _fleet(
    folder: Path,
    name: str,
    *options: str,
    keep: bool = False,
    started: Callable[[int], object] = lambda _: None,
) -> tuple[Run, str]:
    """Run the program on a fleet; what it took, and the hash of the table."""
    table = folder.with_name(f"{folder.name}-{name}.parquet")
    table.unlink(missing_ok=True)
    cache = _cache(folder, name, keep=keep)
    found = run(tracetool("fleet", folder, "-q", *options, "-o", table), {"XDG_CACHE_HOME": str(cache)}, started)
    return found, hashlib.sha256(table.read_bytes()).hexdigest()


def _cache(folder: Path, name: str, *, keep: bool = False) -> Path:
    cache = folder.with_name(f"{folder.name}-cache-{name}")
    if not keep:
        shutil.rmtree(cache, ignore_errors=True)
    return cache


def _say(**figures: object) -> None:
    print(json.dumps(figures), flush=True)  # noqa: T201


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "measure", "kill", "dispatch"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("number", type=int, nargs="?", default=3, help="runs to make, readings of each, or tasks")
    given = parser.parse_args()
    match given.what:
        case "make":
            make_fleet(given.folder, given.number)
        case "measure":
            measure(given.folder, given.number)
        case "kill":
            kill(given.folder)
        case _:
            dispatch(given.number)


if __name__ == "__main__":
    main()
