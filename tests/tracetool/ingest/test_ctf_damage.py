"""CTF traces that are cut or altered, a library that is missing, and a process that does not end as it should."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from replay.kernel_form import VARIABLE
from tests.tracetool.ctf_traces import EventType, Packet, capture, needed_babeltrace, write_trace
from tests.tracetool.ingest.support import collect
from tracetool.errors import InputError, MissingDependencyError
from tracetool.ingest import babeltrace_process
from tracetool.ingest.babeltrace_process import BabeltraceProcess
from tracetool.ingest.ctf import open_ctf
from tracetool.ingest.ctf_folders import find_folders
from tracetool.ingest.reader import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tracetool.ingest.support import Reading

WRITES = [
    EventType("qemu:pflash_io_write", {"name": "str", "offset": "u64", "size": "u32", "value": "u32", "wcycle": "u8"})
]


@pytest.fixture(autouse=True)
def _library() -> None:
    needed_babeltrace()


def a_packet(number: int) -> Packet:
    """A packet of a hundred events, whose values go on from packet to packet."""
    first = 100 * number
    return Packet([(0, value, ("f", 0, 4, value, 0)) for value in range(first, first + 100)], number)


def a_trace(folder: Path, packets: int = 3) -> Path:
    return Path(write_trace(folder, WRITES, [[a_packet(number) for number in range(packets)]]))


def read(path: Path, *, strict: bool = False) -> Reading:
    return collect(open_ctf(str(path), ReadOptions(strict)))


# --- cut and altered ---------------------------------------------------------------------------------------------


def test_a_cut_stream_is_read_up_to_the_cut(tmp_path: Path) -> None:
    stream = a_trace(tmp_path / "trace") / "ch_0"
    size = stream.stat().st_size
    os.truncate(stream, size - 1000)
    found = read(tmp_path)
    values = found.frame["value"].to_list()
    assert values == list(range(len(values)))
    assert 200 < len(values) < 300
    cut = f"stream ch_0 is cut at byte {size - 1000}, its last packet should reach to byte {size}"
    assert found.health.truncated is not None
    assert found.health.truncated.startswith(cut)
    with pytest.raises(InputError, match=f"{cut}.*; without --strict the rest is read"):
        read(tmp_path, strict=True)


@pytest.mark.parametrize("left", [0, 3, 20, 50, 60, 80])
def test_a_stream_cut_in_a_header(left: int, tmp_path: Path) -> None:
    stream = a_trace(tmp_path / "trace") / "ch_0"
    length = stream.stat().st_size // 3
    os.truncate(stream, length + left)
    found = read(tmp_path)
    assert found.frame["value"].to_list()[:100] == list(range(100))
    assert (found.health.truncated is None) == (left == 0)


@pytest.mark.slow
def test_a_cut_stream_of_a_recorded_trace(tmp_path: Path) -> None:
    folder = capture("aavmf-first-boot", tmp_path)
    os.truncate(folder / "ch_1", 300_000)
    found = read(folder)
    assert found.health.events == 16_890
    assert found.health.truncated == "stream ch_1 is cut at byte 300000, its last packet should reach to byte 405504"


@pytest.mark.parametrize("left", [0, 70, 100, 130, 200, 400, 1000, 2000])
@pytest.mark.parametrize("whole", [1, 2])
@pytest.mark.first_quick
def test_a_cut_stream_leaves_the_others_whole(left: int, whole: int, tmp_path: Path) -> None:
    """Those that go on where it ends, and have further packets."""
    streams = [[a_packet(number) for number in range(10)], [a_packet(number) for number in range(9)]]
    folder = Path(write_trace(tmp_path / "trace", WRITES, streams))
    cut = folder / "ch_1"
    os.truncate(cut, cut.stat().st_size * whole // 9 + left)
    found = read(folder)
    values = found.frame["value"].to_list()
    assert sorted(set(values)) == list(range(1000))
    twice = len(values) - 1000
    assert sorted(values) == sorted([*range(1000), *range(twice)])
    assert 100 * whole <= twice < 100 * (whole + 1)


def test_a_stream_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    folder = a_trace(tmp_path / "trace")
    (folder / "ch_1").write_bytes(b"no stream at all" * 20)
    found = read(folder)
    assert found.frame["value"].to_list() == list(range(300))
    assert found.health.truncated is not None
    assert found.health.truncated.startswith("stream ch_1 is left out: ")


def test_a_packet_that_does_not_follow(tmp_path: Path) -> None:
    stream = a_trace(tmp_path / "trace") / "ch_0"
    data = bytearray(stream.read_bytes())
    data[len(data) // 3] ^= 0xFF
    stream.write_bytes(data)
    found = read(tmp_path)
    assert found.frame["value"].to_list() == list(range(100))
    where = rf"from byte {len(data) // 3} on: no packet begins there"
    assert re.search(where, found.health.truncated or "")


def test_an_event_that_does_not_follow(tmp_path: Path) -> None:
    """An unknown event: from there on the library cannot know where the next one begins."""
    stream = a_trace(tmp_path / "trace") / "ch_0"
    data = bytearray(stream.read_bytes())
    event = data.index(b"\x00\x00" + (150).to_bytes(8, "little") + b"f\0")
    data[event] = 0x77
    stream.write_bytes(data)
    found = read(tmp_path)
    assert found.frame["value"].to_list() == list(range(150))
    assert re.match(r"it is not read on after message 150: .*\b[Ee]vent", found.health.truncated or "")
    with pytest.raises(InputError, match="it is not read on after message 150"):
        read(tmp_path, strict=True)


def test_broken_metadata_says_what_babeltrace2_says(tmp_path: Path) -> None:
    metadata = a_trace(tmp_path / "trace") / "metadata"
    metadata.write_text(metadata.read_text().replace("minor", "mi=nor"))
    with pytest.raises(
        InputError, match=rf"{tmp_path}: babeltrace2 cannot read it: .*metadata.*; record it again"
    ) as at:
        read(tmp_path)
    assert "\n" not in str(at.value)


def test_of_two_traces_the_whole_one_is_read(tmp_path: Path) -> None:
    a_trace(tmp_path / "a")
    metadata = a_trace(tmp_path / "b") / "metadata"
    metadata.write_text("/* CTF 1.8 */ trace {")
    found = read(tmp_path)
    assert found.health.events == 300
    assert f"{tmp_path}/b is left out: " in (found.health.truncated or "")


@pytest.mark.parametrize("file", ["ch_0", "metadata"])
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.slow
def test_a_trace_altered_anywhere_is_read_or_refused(
    file: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(f"{file}{seed}")  # noqa: S311
    folder = a_trace(tmp_path / "trace")
    data = bytearray((folder / file).read_bytes())
    for _ in range(random.choice((1, 1, 5))):
        at = random.randrange(min(len(data), random.choice((80, len(data)))))
        data[at] ^= 1 << random.randrange(8)
    if seed % 4 == 3:
        del data[random.randrange(len(data)) :]
    (folder / file).write_bytes(data)
    outcomes = []
    for form in ("", "plain"):
        monkeypatch.setenv(VARIABLE, form)
        outcomes.append(outcome(folder))
    assert outcomes[0] == outcomes[1]


def outcome(folder: Path) -> tuple[object, ...]:
    """What is read of a trace of 300 events, or why nothing is."""
    try:
        found = read(folder)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert "crashed" not in str(error)  # noqa: PT017
        return (str(error),)
    assert found.health.events <= 300
    return found.rows, found.health


# --- nothing to read, or nothing to read with --------------------------------------------------------------------


def test_an_empty_directory(tmp_path: Path) -> None:
    assert not find_folders(str(tmp_path))
    with pytest.raises(InputError, match="without a CTF trace: no file called metadata in it or below"):
        open_ctf(str(tmp_path))


def test_streams_without_their_metadata(tmp_path: Path) -> None:
    (a_trace(tmp_path / "trace") / "metadata").unlink()
    with pytest.raises(InputError, match="no file called metadata"):
        open_ctf(str(tmp_path))


def test_a_directory_deeper_than_any_session(tmp_path: Path) -> None:
    a_trace(tmp_path.joinpath(*"abcdefghij") / "trace")
    assert not find_folders(str(tmp_path))
    assert find_folders(str(tmp_path / "a"))


def test_without_the_library_its_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_trace(tmp_path / "trace")
    monkeypatch.setenv(babeltrace_process.LIBRARY_VARIABLE, str(tmp_path / "libbabeltrace2.so.0"))
    with pytest.raises(MissingDependencyError) as at:
        read(tmp_path)
    for words in ("apt-get install libbabeltrace2-0 (Debian)", "libbabeltrace2 (Fedora)", "babeltrace2 (Arch)"):
        assert words in str(at.value)
    assert "\n" not in str(at.value)


def test_a_library_that_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_trace(tmp_path / "trace")
    monkeypatch.setenv(babeltrace_process.LIBRARY_VARIABLE, "libc.so.6")
    with pytest.raises(MissingDependencyError, match="bt_version_get_major"):
        read(tmp_path)


# --- the process -------------------------------------------------------------------------------------------------


def started(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> list[int]:
    """Have something done to each process that is started, once it has said something; their numbers."""
    pids: list[int] = []
    listen = BabeltraceProcess.listen

    def acting(process: BabeltraceProcess) -> object:
        pids.append(process.pid)
        for said in listen(process):
            yield said
            act(process.pid)

    monkeypatch.setattr(BabeltraceProcess, "listen", acting)
    return pids


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_ends_with_a_message(number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_trace(tmp_path / "trace", packets=10)
    started(monkeypatch, lambda pid: os.kill(pid, number))
    with pytest.raises(InputError, match=rf"{tmp_path}: babeltrace2 crashed with {number.name}.*") as at:
        list(open_ctf(str(tmp_path), ReadOptions(chunk_bytes=640)).chunks())
    assert "\n" not in str(at.value)


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_trace(tmp_path / "trace", packets=10)
    monkeypatch.setattr(babeltrace_process, "SILENCE_S", 1.0)
    pids = started(monkeypatch, lambda pid: os.kill(pid, signal.SIGSTOP))
    with pytest.raises(InputError, match="babeltrace2 hangs: nothing was read for 1 s"):
        list(open_ctf(str(tmp_path), ReadOptions(chunk_bytes=640)).chunks())
    assert not is_running(pids[0])


@pytest.mark.parametrize("cut", [37, 0x1800])
@pytest.mark.slow
def test_metadata_that_sends_the_library_round_in_circles_is_one_line(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some cuts are an error of the library's own; none of them takes the time of a hang."""
    monkeypatch.setattr(babeltrace_process, "PATIENCE_S", 2.0)
    trace = tmp_path / "trace"
    trace.mkdir()
    metadata = capture("aavmf-shell-padding", tmp_path / "whole") / "metadata"
    (trace / "metadata").write_bytes(metadata.read_bytes()[:cut])
    with pytest.raises(InputError, match="babeltrace2") as at:
        list(open_ctf(str(trace)).chunks())
    assert "\n" not in str(at.value)


def test_a_hang_is_told_by_processor_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_trace(tmp_path / "trace", packets=10)
    monkeypatch.setattr(babeltrace_process, "PATIENCE_S", -1.0)
    monkeypatch.setattr(babeltrace_process, "LOOK_S", 0.0)
    with pytest.raises(InputError, match=r"hangs: .* metadata may be cut or damaged"):
        list(open_ctf(str(tmp_path)).chunks())


def test_a_reader_that_is_left_ends_its_process_and_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_trace(tmp_path / "trace", packets=10)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    pids = started(monkeypatch, lambda _: None)
    chunks = open_ctf(str(tmp_path / "trace"), ReadOptions(chunk_bytes=640)).chunks()
    next(chunks)
    assert is_running(pids[0])
    chunks.close()  # type: ignore[attr-defined]
    assert not is_running(pids[0])
    assert not list(scratch.iterdir())


def is_running(pid: int) -> bool:
    """Whether a process that was started here has not been waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed; the child, which waits for a block to be given back, notices."""
    a_trace(tmp_path / "trace", packets=10)
    inner = (
        "import os, signal, sys\n"
        "from tracetool.ingest.ctf import open_ctf\n"
        "from tracetool.ingest.reader import ReadOptions\n"
        "from tracetool.ingest.babeltrace_process import BabeltraceProcess\n"
        "listen = BabeltraceProcess.listen\n"
        "def telling(process):\n"
        "    print(process.pid, flush=True)\n"
        "    return listen(process)\n"
        "BabeltraceProcess.listen = telling\n"
        f"next(open_ctf({str(tmp_path)!r}, ReadOptions(chunk_bytes=640)).chunks())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    pid = int(run_python(inner))
    assert ends(pid)


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    return done.stdout


def ends(pid: int) -> bool:
    """Whether a process of somebody else's ends within some seconds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_links_are_not_followed(tmp_path: Path) -> None:
    a_trace(tmp_path / "elsewhere")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    assert find_folders(str(tmp_path / "elsewhere"))
    assert not find_folders(str(tmp_path / "here"))
