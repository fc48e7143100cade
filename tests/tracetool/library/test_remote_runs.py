"""Runs behind URLs, in a store that fsspec keeps in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import tracetool as tt
from tests.requirements import lacking
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.runs import support
from tracetool.errors import InputError, MissingDependencyError
from tracetool.library.fleet_paths import find_runs
from tracetool.library.remote_runs import fetched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """A store with a run directory, two traces and a file that is none."""
    try:
        from fsspec.implementations.memory import MemoryFileSystem  # noqa: PLC0415  the extra need not be installed
    except ImportError:
        lacking("fsspec is not installed: pip install 'pflash-tracetool[fleet]'")
    files = MemoryFileSystem()
    files.put(str(support.FIRST_BOOT.at(tmp_path / "boot")), "/runs/boot-1", recursive=True)
    files.put(str(FIRST_BOOT), "/runs/boot-2.log.zst")
    files.put(str(PADDING), "/runs/boot-3.log.zst")
    files.pipe("/runs/notes.txt", b"nothing about flash\n")
    yield files
    files.rm("/runs", recursive=True)


@pytest.mark.usefixtures("store")
@pytest.mark.slow
def test_a_run_is_audited_where_it_is() -> None:
    row, *_ = (row for row in tt.audit_run("memory://runs/boot-3.log.zst") if row["device"] == "virt.flash1")
    assert (row["run"], row["verdict"]) == ("memory://runs/boot-3.log.zst", "outside-extent")
    directory = tt.fleet_table(tt.audit_run("memory://runs/boot-1"))
    assert directory["verdict"].to_list() == ["no-extent", "within-extent"]
    assert set(directory["qemu"]) == {"7.2.22"}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("url", ["memory://runs", "memory://runs/*"])
@pytest.mark.first_quick
def test_a_folder_or_a_pattern_is_the_runs_in_it(url: str) -> None:
    found = {path.removeprefix("memory:///runs/"): named for path, named in find_runs([url]).runs.items()}
    certain = "*" in url
    names = ("boot-1", "boot-2.log.zst", "boot-3.log.zst", "notes.txt")
    assert found == {name: certain or name == "boot-1" for name in names}


@pytest.mark.usefixtures("store")
@pytest.mark.slow
def test_the_command_line_takes_urls(quick: Quick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ended = quick("fleet", "memory://runs", "--outliers")
    assert ended.code == 1
    assert "2 of 3 runs within-extent, 1 outside-extent" in ended.text
    assert "tracetool-" not in ended.text, "no name of a temporary folder"
    assert "3 runs known from earlier, 0 read" in quick("fleet", "memory://runs", "--resume").err


@pytest.mark.usefixtures("store")
def test_damage_is_told_by_the_url(store: Any) -> None:  # noqa: ANN401
    store.pipe("/runs/cut.log.zst", FIRST_BOOT.read_bytes()[:100])
    (row,) = tt.audit_run("memory://runs/cut.log.zst")
    assert row["reasons"][0].startswith("memory://runs/cut.log.zst: ")
    (gone,) = tt.audit_run("memory://runs/gone.log")
    assert gone["reasons"][0].startswith("memory://runs/gone.log: cannot be fetched: ")


@pytest.mark.usefixtures("store")
def test_a_url_that_names_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="matches no file"):
        find_runs(["memory://runs/x*"])
    with pytest.raises(InputError, match="nonsense://x: cannot be opened"), fetched("nonsense://x"):
        pass


def test_without_fsspec_a_url_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'pflash-tracetool\[fleet\]'"):
        find_runs(["s3://bucket/runs"])
