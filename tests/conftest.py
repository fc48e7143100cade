"""Fixtures that every part's tests share."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings

from replay.form import VARIABLE
from tests.captures import ROOT, capture_path
from tests.forms import stale
from tests.tracetool.cli.program import Ended
from tracetool.cli import main
from tracetool.compression import MAGIC_BYTES, compression_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


# A test is no benchmark: machines are slow and busy. `quick` is for a developer, `full` for CI; `thorough` is for
# whoever looks for the rare case, `found` for whoever asks whether a test fails and not by what.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("full", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.register_profile("found", deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full" if os.environ.get("CI") == "true" else "quick"))

# A runner that was started by nohup ignores it, as would every program that the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

COLUMNS = "1000"
"""Width of reports: words are looked for in them, so no line is broken."""


def pytest_sessionstart() -> None:
    """Refuse to test what is hidden by older compiled modules."""
    if (changed := stale(ROOT)) and os.environ.get(VARIABLE) != "plain":
        names = ", ".join(str(file.relative_to(ROOT)) for file in changed)
        pytest.exit(f"newer than what was compiled of it: {names}; run `make environment`", returncode=1)


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what lives to the end: thousands of tests, looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many accesses were compared with a live flash, and on how many machines."""
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
    """Which random programs ran, as `virt-arm 1 to 20`; machines with the same seeds together."""
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
    """Give the folder of the recorded captures."""
    return capture_path("manifest.json").parent


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpack a capture once for the whole run, and give the unpacked file: `unpacked("f/trace.log.zst")`.

    Workers of pytest-xdist share the files: each is written under a name of its own and then renamed, so that
    whoever comes second finds a whole file or writes an equal one.
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
    """Run the program in this process: sooner done, where a process of its own would show nothing more."""

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
