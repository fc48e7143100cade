"""Compare the program with others in one run: `python -m benchmarks.compare`.

Prints a table in Markdown. Machines are noisy: compare ratios within a run, not seconds between runs.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.inputs import ctf_directory, repeated_log, unpacked
from benchmarks.measure import Run, best, python, rate, run, tracetool
from tracetool.bundled import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPORTS = "import polars, numpy"
_SEARCH = "import re, sys; print(len(re.findall(rb'pflash_io_', open(sys.argv[1], 'rb').read())))"
MILLION = 1_000_000


def _per_second(found: dict[str, float]) -> str:
    return f"{found['events'] / found['seconds'] / MILLION:.1f} million events/s"


def _text(folder: Path) -> Iterator[tuple[str, str, str]]:
    log = unpacked(folder, "trace.log")
    ours = rate(log)
    grep = best(["grep", "-c", "pflash_io_", log], environment={"LC_ALL": "C"})
    lines = best(["wc", "-l", log])
    search = best([*python(_SEARCH), log])
    ratio = ours["seconds"] / grep.seconds
    yield "log to columns", f"{ours['seconds']:.2f} s, {_per_second(ours)}", f"{ratio:.1f} x grep"
    yield "`LC_ALL=C grep -c pflash_io_`", f"{grep.seconds:.2f} s", ""
    yield "`wc -l`", f"{lines.seconds:.2f} s", ""
    yield "Python's `re.findall`", f"{search.seconds:.2f} s", ""


def _simple(folder: Path) -> Iterator[tuple[str, str, str]]:
    found = rate(unpacked(folder, "trace.simple"))
    yield "simple to columns", f"{found['seconds']:.3f} s, {_per_second(found)}", ""


def _ctf(folder: Path) -> Iterator[tuple[str, str, str]]:
    program = shutil.which("babeltrace2")
    if program is None:
        yield "CTF to columns", "babeltrace2 is not installed", ""
        return
    trace = ctf_directory(folder)
    ours, dummy = rate(trace), best([program, trace, "-c", "sink.utils.dummy"])
    text = best([program, trace], times=1)
    ratio = ours["seconds"] / dummy.seconds
    yield "CTF to columns", f"{ours['seconds']:.2f} s, {_per_second(ours)}", f"{ratio:.2f} x dummy"
    yield "`babeltrace2 DIR -c sink.utils.dummy`", f"{dummy.seconds:.2f} s", ""
    yield "`babeltrace2 DIR`, as text", f"{text.seconds:.2f} s", f"{text.seconds / ours['seconds']:.1f} x ours"


def _audits(folder: Path, *, large: bool) -> Iterator[tuple[str, str, str]]:
    imports = best(python(_IMPORTS), times=5)
    boot = best(tracetool("audit", sample("aavmf-first-boot/trace.log.zst")), times=5)
    yield f"`{_IMPORTS}`", f"{imports.seconds:.2f} s", ""
    yield "`audit`, first boot", f"{boot.seconds:.2f} s", f"{boot.seconds / imports.seconds:.1f} x the imports"
    yield "`audit`, reclaim, simple", *_audit(best(tracetool("audit", unpacked(folder, "trace.simple"))))
    for times in (1, 7, 20) if large else (1, 7):
        log = repeated_log(folder, times)
        yield f"`audit`, reclaim log, {times} x", *_audit(best(tracetool("audit", log), times=3 if times == 1 else 1))
    plain = run(tracetool("audit", unpacked(folder, "trace.log")), {"PFLASH_TRACETOOL_KERNELS": "plain"})
    yield "the same, 1 x, plain Python", *_audit(plain)


def _audit(found: Run) -> tuple[str, str]:
    return f"{found.seconds:.2f} s", f"{found.memory / MILLION:.0f} MB, {found.cpu_seconds:.2f} s of processor"


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="folder in which the inputs are made and kept")
    parser.add_argument("--large", action="store_true", help="an audit of a log of 4 GB too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{datetime.now(tz=UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}\n")  # noqa: T201
        print("| what | measured | compared |\n|---|---|---|")  # noqa: T201
        for rows in (_text(folder), _simple(folder), _ctf(folder), _audits(folder, large=options.large)):
            for row in rows:
                print("| " + " | ".join(row) + " |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
