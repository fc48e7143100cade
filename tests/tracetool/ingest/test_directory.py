"""A directory given as a trace: one CTF trace, several runs, or refused with what is in it."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.ctf_traces import EventType, Packet, needed_babeltrace, write_trace
from tests.tracetool.ingest.support import collect
from tests.tracetool.runs.support import a_run
from tracetool.errors import InputError
from tracetool.ingest import directory as module
from tracetool.ingest import open_trace
from tracetool.ingest.directory import natural_order, runs_in, traces_in
from tracetool.runs.directory import write_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TYPES = [EventType("qemu:pflash_reset", {"name": "str"})]
LINE = "pflash_io_write virt.flash1: offset:0x0, size:4 bytes, value:0xff wcycle:0\n"


def _ctf(*folders: Path) -> None:
    for time, folder in enumerate(folders):
        write_trace(folder, TYPES, [[Packet([(0, time, ("flash",))])]])


def _run(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_run(folder, a_run())


def _refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_trace(str(path))
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- taken -------------------------------------------------------------------------------------------------------

SESSIONS: list[list[str]] = [
    ["."],
    ["trace"],
    ["ust/uid/0/64-bit"],
    ["ust/uid/0/64-bit", "ust/uid/1000/32-bit", "kernel"],
    ["ust/pid/qemu-system-x86-4711-20260101-120000", "ust/pid/qemu-system-x86-4712-20260101-120000"],
    ["session/ust/uid/0/64-bit", "session/kernel"],
    ["session/archives/20260101T1-1/ust/uid/0/64-bit", "session/archives/20260101T2-2/ust/uid/0/64-bit"],
    ["uid/0/64-bit", "uid/1000/64-bit"],
]


@pytest.mark.parametrize("folders", SESSIONS)
def test_one_trace_there_or_one_level_below_is_taken(folders: Sequence[str], tmp_path: Path) -> None:
    needed_babeltrace()
    top = tmp_path / ("ust" if folders[0].startswith("uid") else "top")
    _ctf(*(top / folder for folder in folders))
    for name in ("vars-before.fd", "notes about pflash_io_write.txt"):
        (top / name).write_text("see pflash_io_write")
    assert collect(open_trace(str(top))).health.events == len(folders)


def test_a_directory_inside_a_session_is_taken_alone(tmp_path: Path) -> None:
    needed_babeltrace()
    _ctf(tmp_path / "ust/uid/0/64-bit", tmp_path / "ust/uid/1/64-bit")
    for inside, events in (("ust", 2), ("ust/uid", 2), ("ust/uid/1", 1), ("ust/uid/1/64-bit", 1)):
        assert collect(open_trace(str(tmp_path / inside))).health.events == events


@pytest.mark.slow
def test_a_path_may_be_relative_or_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_babeltrace()
    _ctf(tmp_path / "top/session/ust/uid/0/64-bit")
    (tmp_path / "link").symlink_to("top")
    monkeypatch.chdir(tmp_path / "top")
    for path in (".", "../top", "session", "../link", "../link/"):
        assert collect(open_trace(path)).health.events == 1


# --- refused -----------------------------------------------------------------------------------------------------


def test_several_sessions_are_named(tmp_path: Path) -> None:
    _ctf(tmp_path / "a/ust/uid/0/64-bit", tmp_path / "b/kernel")
    assert _refusal(tmp_path) == (
        f"{tmp_path}: is a directory that holds a (CTF) and b (CTF); give what is meant, as in: "
        f"tracetool audit {tmp_path}/a; several are consecutive boots, in order"
    )


def test_a_trace_deeper_than_one_level_is_named_and_not_taken(tmp_path: Path) -> None:
    """In a shared folder it may be anybody's."""
    deep = tmp_path.joinpath(*"abcdefghijkl") / "my trace"
    _ctf(deep)
    message = _refusal(tmp_path)
    assert "a/b/c/d/e/f/g/h/i/j/k/l/my trace (CTF)" in message
    assert message.endswith(f"as in: tracetool audit {shlex.quote(str(deep))}")
    assert _refusal(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("guest.log", LINE.encode(), "log"),
        ("later.txt", b"something else\n" * 20_000 + LINE.encode(), "log"),
        ("x", b"\xff" * 8 + (0xF2B1_77CB_0AA4_29B4).to_bytes(8, "little"), "simple"),
        ("sub/sub/deep.log", LINE.encode(), "log"),
        ("other/ch_0", b"\xc1\x1f\xfc\xc1" + bytes(60), "CTF streams without their metadata"),
    ],
)
def test_whatever_else_is_a_trace_is_named(name: str, data: bytes, what: str, tmp_path: Path) -> None:
    _ctf(tmp_path / "session/ust/uid/0/64-bit")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    named = path.parent if "streams" in what else path
    message = _refusal(tmp_path)
    assert f"{named.relative_to(tmp_path)} ({what})" in message
    assert "session (CTF)" in message


def test_a_log_beside_the_metadata_is_named(tmp_path: Path) -> None:
    _ctf(tmp_path / "trace")
    (tmp_path / "trace" / "guest.log").write_text(LINE)
    assert "holds . (CTF) and guest.log (log)" in _refusal(tmp_path / "trace")


def test_a_folder_of_logs_is_refused_and_so_is_one_of_a_single_log(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        (tmp_path / f"boot-{number}.log").write_text(LINE)
    assert "holds boot-1.log (log), boot-2.log (log) and boot-10.log (log); give" in _refusal(tmp_path)
    for number in (2, 10):
        (tmp_path / f"boot-{number}.log").unlink()
    assert _refusal(tmp_path).endswith(
        f"holds boot-1.log (log); give what is meant, as in: tracetool audit {tmp_path}/boot-1.log"
    )


def test_many_traces_are_counted(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.log").write_text(LINE)
    assert "4.log (log) and 4 more; give" in _refusal(tmp_path)


def test_a_directory_that_is_too_large_to_look_through_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ctf(tmp_path / "trace")
    for limit in ("MOST_ENTRIES", "MOST_FILES"):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, 1)
            (tmp_path / "trace" / "ch_1").write_bytes(b"")
            assert "holds too many files to look for the trace; give the trace itself" in _refusal(tmp_path)


def test_a_part_that_cannot_be_looked_into_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ctf(tmp_path / "trace")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert "closed: cannot be looked into: Permission denied; give the trace itself" in _refusal(tmp_path)


def test_what_blocks_or_loops_is_passed_over(tmp_path: Path) -> None:
    needed_babeltrace()
    _ctf(tmp_path / "trace")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "broken").symlink_to("nowhere")
    assert collect(open_trace(str(tmp_path))).health.events == 1


def test_an_archive_of_several_sessions_is_refused(tmp_path: Path) -> None:
    needed_babeltrace()
    sessions = [tmp_path / "logs/host" / name / "ust/uid/0/64-bit" for name in ("first", "second")]
    for number, folders in enumerate((sessions[:1], sessions), 1):
        _ctf(*(folder for folder in folders if not folder.exists()))
        archive = shutil.make_archive(str(tmp_path / f"{number}"), "tar", tmp_path, "logs")
        if number == 1:
            assert collect(open_trace(archive)).health.events == 1
            continue
        with pytest.raises(InputError, match=r"holds logs/host/first and logs/host/second; unpack it and give one"):
            open_trace(archive)


# --- runs --------------------------------------------------------------------------------------------------------


def test_run_directories_are_found_in_their_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        _run(tmp_path / f"boot-{number}")
    (tmp_path / "qemu.txt").write_text("a word")
    assert runs_in(str(tmp_path)) == [f"{tmp_path}/boot-{number}" for number in (1, 2, 10)]
    assert f"as in: tracetool audit {tmp_path}/boot-1 {tmp_path}/boot-2 {tmp_path}/boot-10" in _refusal(tmp_path)


def test_runs_beside_another_trace_are_refused(tmp_path: Path) -> None:
    _run(tmp_path / "boot-1")
    (tmp_path / "other.log").write_text(LINE)
    with pytest.raises(InputError, match=r"holds boot-1 \(run directory\) and other.log \(log\)"):
        runs_in(str(tmp_path))


def test_runs_further_down_are_no_runs_of_this_directory(tmp_path: Path) -> None:
    _run(tmp_path / "a" / "boot-1")
    assert runs_in(str(tmp_path)) == []
    assert "a/boot-1 (run directory)" in _refusal(tmp_path)


def test_names_are_ordered_as_people_count() -> None:
    names = ["boot-b", "boot-10a", "boot-10", "boot-2", "boot-1"]
    assert sorted(names, key=natural_order) == ["boot-1", "boot-2", "boot-10", "boot-10a", "boot-b"]


def test_a_trace_is_not_looked_for_behind_links(tmp_path: Path) -> None:
    _ctf(tmp_path / "elsewhere")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    assert traces_in(str(tmp_path / "here")) == []
