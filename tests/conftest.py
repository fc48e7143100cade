"""Fixtures and pytest hooks for all tests."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings

from replay.kernel_form import VARIABLE
from tests.captures import ROOT, capture_path
from tests.forms import stale
from tests.requirements import needed_program
from tests.terminal import Terminal
from tests.tracetool.cli.program import Ended
from tracetool.cli import main
from tracetool.compression import MAGIC_BYTES, compression_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


# No deadlines: machines are slow and busy. `quick` is the default, `full` that of CI, `thorough` looks for rare cases,
# and `found` does not shrink: it is for mutants, where it only matters that a test fails.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("full", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.register_profile("found", deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full" if os.environ.get("CI") == "true" else "quick"))

# A test runner under nohup ignores the signal, and the programs that tests start would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

COLUMNS = "1000"
"""Width of reports: no line wraps, so tests can search for phrases."""


def pytest_sessionstart() -> None:
    """Refuse to run where a compiled module is older than its source, and would hide it."""
    if (changed := stale(ROOT)) and os.environ.get(VARIABLE) != "plain":
        names = ", ".join(str(file.relative_to(ROOT)) for file in changed)
        pytest.exit(f"newer than what was compiled of it: {names}; run `make environment`", returncode=1)


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all cases but the first of a test that is marked `first_quick`; plain Python runs them all."""
    if os.environ.get(VARIABLE) == "plain":
        return
    begun: set[str] = set()
    for item in items:
        if item.get_closest_marker("first_quick") and not item.get_closest_marker("slow"):
            test = item.nodeid.partition("[")[0]
            if test in begun:
                item.add_marker(pytest.mark.slow)
            begun.add(test)


def pytest_collection_finish() -> None:
    """Freeze what collection allocated: thousands of tests would slow down every garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the accesses that were compared with live flashes, and the mutants that were noticed."""
    properties = [dict(report.user_properties) for report in terminalreporter.getreports("passed")]
    live = [found for found in properties if "accesses" in found]
    if live:
        accesses = sum(int(str(found["accesses"])) for found in live)
        machines = len({found["machine"] for found in live})
        terminalreporter.write_line(f"{accesses:,} accesses on {machines} live machines: no difference")
        terminalreporter.write_line(f"seeds: {_seeds(live)}")
    mutants = sum("mutant" in found for found in properties)
    if mutants:
        terminalreporter.write_line(f"{mutants} mutants of the model, each of them noticed")


def _seeds(live: list[dict[str, object]]) -> str:
    """Seeds of the random programs, as `1 to 20 on virt-arm, z2`; machines with the same seeds together."""
    of_machine: dict[str, list[int]] = {}
    for found in live:
        of_machine.setdefault(str(found["machine"]), []).append(int(str(found["seed"])))
    alike: dict[str, list[str]] = {}
    for machine, seeds in of_machine.items():
        whole = sorted(seeds) == list(range(min(seeds), max(seeds) + 1))
        said = f"{min(seeds)} to {max(seeds)}" if whole else ", ".join(map(str, sorted(seeds)))
        alike.setdefault(said, []).append(machine)
    return "; ".join(f"{said} on {', '.join(sorted(machines))}" for said, machines in alike.items())


@pytest.fixture
def captures() -> Path:
    """Folder of the recorded captures."""
    return capture_path("manifest.json").parent


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpack a capture once a run and return the file's path: `unpacked("f/trace.log.zst")`.

    Workers of pytest-xdist share the files. Each worker writes under a temporary name and renames the file, so that
    the others never see half a file.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "unpacked"
    folder.mkdir(exist_ok=True)
    return lambda name: _unpack(capture_path(name), folder)


def _unpack(source: Path, folder: Path) -> Path:
    label = hashlib.sha256(str(source).encode()).hexdigest()[:12]
    target = folder / f"{label}-{source.stem}"
    if not target.exists():
        part = target.with_name(f"{target.name}.{os.getpid()}")
        with source.open("rb") as packed, part.open("wb") as plain:
            shutil.copyfileobj(decompressed(packed, compression_of(packed.peek(MAGIC_BYTES))), plain, 1 << 20)
        part.replace(target)
    return target


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Quick:
    """Run the program in this process, which is faster, where a new process would show nothing more."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setenv("COLUMNS", COLUMNS)
        monkeypatch.setattr("sys.argv", ["tracetool", *map(str, arguments)])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfdbinary.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, out, err.decode())

    return run


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Give a terminal."""
    found = Terminal(needed_program("tmux", "tmux"), tmp_path / "tmux")
    yield found
    found.close()
