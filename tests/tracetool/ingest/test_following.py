"""A trace that is followed gives what reading it afterwards gives, however it grows."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import tracetool as tt
from tests.captures import capture_path
from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.logs import Log, log
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.compression import zstd
from tracetool.ingest import following
from tracetool.ingest.following import Following, open_followed
from tracetool.ingest.trace_reader import ReaderOver
from tracetool.library.follow import follow_audit
from tracetool.library.inputs import open_readers
from tracetool.report.formats.json import audit_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.audit.audit import SoFar
    from tracetool.ingest import TraceReader

pytestmark = pytest.mark.usefixtures("hurried")

FLASH1 = "virt.flash1"


def some_log() -> Log:
    trace = log(FLASH1).reset()
    for number in range(12):
        trace.program(4 * number, number).erase(0x40000 * (number % 3)).read_array()
    return trace.program(0x100000, 0x400040)


class Followed:
    """Events of a trace, read in a thread while the test writes it."""

    def __init__(self, path: Path, *, required: bool = True) -> None:
        self.said: list[str] = []
        self.control = Following(self.said.append, required=required)
        self.reader: TraceReader | None = None
        self.frames: list[pl.DataFrame] = []
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._read, args=(str(path),))
        self._thread.start()

    def _read(self, path: str) -> None:
        try:
            self.reader = open_followed(path, self.control)
            for frame in self.reader.chunks():
                self.frames.append(frame)
        except Exception as error:  # noqa: BLE001  raised in `end`
            self.error = error

    def wait_for(self, events: int) -> None:
        """Wait until so many events have come."""
        wait_until(
            lambda: not self._thread.is_alive() or sum(frame.height for frame in self.frames) >= events,
            f"{events} events do not come",
        )
        assert sum(frame.height for frame in self.frames) >= events

    def end(self, *, stop: bool = True) -> pl.DataFrame:
        """All events, after the end."""
        if stop:
            self.control.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return pl.concat(self.frames)


def write(path: Path, pieces: Sequence[bytes], between: Callable[[int], None] = lambda _: None) -> None:
    """Append pieces to a file."""
    for number, piece in enumerate(pieces):
        with path.open("ab") as file:
            file.write(piece)
        between(number)


def in_pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def wait_until_read(path: Path) -> None:
    """Wait until this process has a file open and has read to its end."""
    wait_until(
        lambda: any(_is_at_end(number, path) for number in os.listdir("/proc/self/fd")),  # noqa: PTH208  names
        f"{path} is not read to its end",
    )


def _is_at_end(number: str, path: Path) -> bool:
    with suppress(OSError):
        status, mine = path.stat(), os.stat(f"/proc/self/fd/{number}")  # noqa: PTH116  what it is open for
        at = int(Path(f"/proc/self/fdinfo/{number}").read_text().split()[1])
        return (status.st_dev, status.st_ino) == (mine.st_dev, mine.st_ino) and at == status.st_size
    return False


cuts = st.lists(st.integers(0, 1 << 20), max_size=8)


@settings(max_examples=12)
@given(cuts=cuts, rotated=st.sets(st.integers(0, 8)), pauses=st.sets(st.integers(0, 8)))
@pytest.mark.slow
def test_a_log_that_grows_and_is_rotated_reads_as_a_whole(
    cuts: list[int], rotated: set[int], pauses: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("growing")
    path, text = folder / "guest.log", some_log().text.encode()
    path.touch()
    found = Followed(path)

    def between(number: int) -> None:
        if number in pauses:
            time.sleep(0.01)
        if number in rotated:
            wait_until_read(path)
            path.rename(folder / f"guest.log.{number}")
            path.touch()

    write(path, in_pieces(text, cuts), between)
    wait_until_read(path)
    events = found.end()
    whole = folder / "whole.log"
    whole.write_bytes(text)
    assert_frame_equal(events, tt.open(whole).events)
    assert found.reader is not None
    assert found.reader.health.damaged == 0


@settings(max_examples=8)
@given(cuts=cuts)
def test_a_simple_trace_that_grows_reads_as_a_whole(cuts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("growing")
    path, whole = folder / "trace.simple", folder / "whole.simple"
    whole.write_bytes(zstd.decompress(capture_path("aavmf-first-boot/trace.simple.zst").read_bytes()))
    path.touch()
    found = Followed(path)
    write(path, in_pieces(whole.read_bytes(), cuts), lambda _: time.sleep(0.003))
    wait_until_read(path)
    assert_frame_equal(found.end(), tt.open(whole).events)


def test_events_come_as_they_are_written_and_half_a_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    trace = log(FLASH1).reset().program(0, 1)
    path.write_text(trace.text)
    found = Followed(path)
    found.wait_for(trace.count)
    write(path, [b"pflash_io_write virt.flash1: offset:0x00"])
    time.sleep(0.1)
    assert found.reader is not None
    assert found.reader.health.damaged == 0, "it may go on"
    write(path, [b"04 size:4 value:0x0001 wcycle:0\n"])
    found.wait_for(trace.count + 1)
    assert found.end()["offset"][-1] == 4
    assert not found.said


def test_half_a_line_at_the_end_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text(some_log().text + "pflash_io_write virt.flash1: off")
    found = Followed(path)
    found.wait_for(some_log().count)
    found.end()
    assert found.reader is not None
    assert (found.reader.health.damaged, found.reader.health.unterminated) == (1, True)


def test_a_truncated_log_is_said_and_counts_as_lossy(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    first, second = some_log(), log(FLASH1).reset().program(0, 7)
    path.write_text(first.text)
    found = Followed(path)
    found.wait_for(first.count)
    path.write_text(second.text)
    found.wait_for(first.count + second.count)
    events = found.end()
    assert found.said == [
        f"{path}: was truncated from {len(first.text):,} to {len(second.text):,} bytes; it is read from its beginning"
    ]
    assert found.reader is not None
    assert len(found.reader.health.lost_places) == 1
    assert events["boot"].to_list() == [0] * first.count + [1] * second.count


def test_a_file_that_is_removed_ends_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text(some_log().text)
    found = Followed(path)
    found.wait_for(some_log().count)
    path.unlink()
    assert found.end(stop=False).height == some_log().count
    assert found.said == [f"{path}: was removed; what it held is read"]


def test_a_pipe_ends_where_its_writer_does(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = Followed(path)
    data = some_log().text.encode()
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), 700):
            file.write(data[start : start + 700])
            time.sleep(0.002)
    assert found.end(stop=False).height == some_log().count


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.log", b"", "is empty; nothing was written to it"),
        ("packed.log.zst", zstd.compress(some_log().text.encode()), "is packed with zstd"),
    ],
)
def test_what_cannot_be_followed_is_refused(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    found = Followed(path)
    time.sleep(0.2)
    with pytest.raises(tt.InputError, match=words):
        found.end()


def test_what_cannot_be_followed_may_be_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = Followed(path, required=False)
    path.write_bytes(zstd.compress(some_log().text.encode()))
    assert found.end(stop=False).height == some_log().count


# --- when events are delivered -----------------------------------------------------------------------------------


class Clock:
    """Time that passes only while something waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The usual delays, on a clock that does not run."""
    found = Clock()
    for name, value in (("LOOK_S", 0.2), ("PAUSE_S", 0.5), ("MOST_DELAY_S", 1.4), ("time", found)):
        monkeypatch.setattr(following, name, value)
    return found


class Fed:
    """A file that grows by a byte at given times, and the moments at which its bytes are due."""

    def __init__(self, path: Path, clock: Clock, control: Following) -> None:
        path.touch()
        self.clock = clock
        self._stream = following._GrowingFile(str(path), control, text=True)  # noqa: SLF001  without a reader
        self._path = path
        control.wait = self._wait  # type: ignore[method-assign]
        self._times: list[float] = []

    def _wait(self, seconds: float) -> bool:
        self.clock.now += seconds
        self._write()
        return False

    def _write(self) -> None:
        while self._times and self._times[0] <= self.clock.now:
            self._times.pop(0)
            write(self._path, [b"."])

    def due_at(self, *times: float) -> list[float]:
        """When what comes at these times, counted from now, is delivered."""
        start, found = self.clock.now, list[float]()
        self._times = [start + each for each in times]
        self._write()
        room, left = memoryview(bytearray(1)), len(times)
        while left:
            assert self._stream.readinto(room) == 1
            left -= 1
            if self._stream.due():
                found.append(round(self.clock.now - start, 3))
        return found


def test_what_comes_after_a_pause_is_delivered_at_once_and_then_not_more_often_than_asked_for(
    tmp_path: Path, clock: Clock
) -> None:
    fed = Fed(tmp_path / "guest.log", clock, Following())
    clock.now += 10
    first, second = fed.due_at(0.0, 0.1)
    assert first == 0.0
    assert second == pytest.approx(0.5)


def test_events_wait_no_longer_than_allowed_although_more_keep_coming(tmp_path: Path, clock: Clock) -> None:
    control = Following()
    control.pause_s = 60
    fed = Fed(tmp_path / "guest.log", clock, control)
    found = fed.due_at(*(number / 10 for number in range(60)))
    assert found
    assert all(after - before <= 1.4 + 2 * 0.2 for before, after in pairwise([0.0, *found]))
    assert len(found) <= 5, "each delivery costs"


def test_a_log_that_grows_each_second_is_looked_at_every_two_and_no_event_waits_longer_than_allowed(
    tmp_path: Path, clock: Clock
) -> None:
    control, path = Following(), tmp_path / "whole.log"
    path.write_text(some_log().text)
    control.stop()
    follow_audit(tt.open(path, extent={FLASH1: "768K"}, following=control), control, lambda _: None)
    steady = Following()
    steady.pause_s = control.pause_s
    found = Fed(tmp_path / "guest.log", clock, steady).due_at(*map(float, range(60)))
    assert len(found) <= 31
    assert all(min(at for at in found if at >= came) - came <= 1.4 + 0.2 for came in range(60))


def test_a_consumer_that_waits_for_the_end_gets_nothing_before(tmp_path: Path, clock: Clock) -> None:
    control = Following()
    control.prompt = False
    assert not Fed(tmp_path / "guest.log", clock, control).due_at(*(number / 10 for number in range(60)))


# --- audits ------------------------------------------------------------------------------------------------------


def document(audit: tt.Audit) -> dict[str, Any]:
    """What an audit says, without the name of its trace."""
    said = audit_document(audit)
    return {name: said[name] for name in ("verdict", "devices", "findings")}


@settings(max_examples=5)
@given(cuts=cuts, preroll=st.sampled_from([50, 1 << 16]))
@pytest.mark.slow
def test_a_followed_audit_ends_as_one_made_afterwards(
    cuts: list[int], preroll: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether the devices are decided before the end or at it."""
    folder = tmp_path_factory.mktemp("growing")
    path, whole = folder / "guest.log", folder / "whole.log"
    whole.write_bytes(zstd.decompress(capture_path("aavmf-shell-padding/trace.log.zst").read_bytes()))
    path.touch()
    control = Following()
    known: list[SoFar] = []

    def grow() -> None:
        write(path, in_pieces(whole.read_bytes(), cuts), lambda _: time.sleep(0.02))
        control.stop()

    writer = threading.Thread(target=grow)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracetool.analysis.intake.PREROLL", preroll)
        writer.start()
        found = follow_audit(tt.open(path, following=control), control, known.append)
        writer.join()
        assert document(found) == document(tt.open(whole).audit())
    final = {(finding.rule, finding.device) for finding in found.findings}
    early = {(finding.rule, finding.device) for audit in known for finding in audit.findings}
    assert {found for found in early if found[0].startswith(("EXT", "RO"))} <= final


def test_a_finding_is_known_while_the_guest_still_runs(tmp_path: Path) -> None:
    path = tmp_path / "guest.log"
    path.write_text(log(FLASH1).reset().program(0, 1).text)
    control = Following()
    rules: set[str] = set()

    def told(audit: SoFar) -> None:
        rules.update(finding.rule for finding in audit.findings)
        if "EXT001" in rules:
            control.stop()

    timer = threading.Timer(0.3, lambda: write(path, [log(FLASH1).program(0x100000, 2).read_array().text.encode()]))
    timer.start()
    trace = tt.open(path, extent={FLASH1: "768K"}, following=control)
    audit = follow_audit(trace, control, told)
    timer.join()
    assert "EXT001" in rules
    assert str(audit.verdict) == "outside-extent"


class InParts(ReaderOver):
    """The events of a trace in frames of equal length."""

    def __init__(self, path: Path, parts: int) -> None:
        super().__init__(open_readers([str(path)])[0])
        self._parts = parts

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """The frames."""
        events = pl.concat(self._inner.chunks(trace))
        yield from events.iter_slices(-(-len(events) // self._parts))


@pytest.mark.parametrize("decided", [False, True])
def test_a_device_whose_events_are_held_is_replayed_once_until_more_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, decided: bool
) -> None:
    """One that was decided goes on, and each look at it is a copy."""
    path = tmp_path / "guest.log"
    path.write_text(some_log().text)
    monkeypatch.setattr("tracetool.analysis.intake.PREROLL", 8 if decided else 1 << 16)
    looks: list[Device] = []

    def fed(known: Callable[[], Replayed]) -> None:
        first, again = (known().devices[FLASH1] for _ in range(2))
        assert (again is first) != decided
        looks.append(again)

    last = replay_readers([InParts(path, 3)], Options(), fed=fed).devices[FLASH1]
    events = [look.current.events for look in looks]
    assert events == sorted(set(events))
    assert len({id(look) for look in (*looks, last)}) == 4
    assert looks[-1].tally.totals == last.tally.totals


@pytest.mark.slow
def test_what_is_known_of_a_device_whose_events_are_held_has_its_new_name(tmp_path: Path) -> None:
    """The second machine of a trace gives the first one its process as part of its name."""
    path = tmp_path / "guest.log"
    lines = some_log().text.splitlines()
    path.write_text("".join(f"host qemu[{1 + (number > 40)}]: {line}\n" for number, line in enumerate(lines)))
    names: list[list[str]] = []

    def fed(known: Callable[[], Replayed]) -> None:
        found = known().devices
        names.append(sorted(found))
        assert names[-1] == sorted(device.name for device in found.values())

    replay_readers([InParts(path, 9)], Options(), fed=fed)
    assert names[0] == [FLASH1]
    assert names[-1] == [f"{FLASH1} (pid 1)", f"{FLASH1} (pid 2)"]


def buffered_writes(outside: int) -> list[str]:
    """Buffered writes with their inner events, the last one at `outside`."""
    trace = log(FLASH1).reset()
    for place in (0, 0x80, 0x100, outside):
        trace.buffered(place, *range(32))
    return trace.text.splitlines()


def accesses_alone(lines: list[str]) -> list[str]:
    return [line for line in lines if "pflash_io_" in line or "pflash_reset" in line]


def audit_in_two_parts(path: Path, parts: Sequence[list[str]]) -> tuple[tt.Audit, set[str]]:
    """The audit of a log that grows once, and the rules of the findings that were known before it stopped to grow."""
    path.write_text("\n".join([*parts[0], ""]))
    control = Following()
    known: set[str] = set()

    def told(audit: SoFar) -> None:
        known.update(finding.rule for finding in audit.findings)
        read = sum(trace.events for trace in audit.traces)
        if read == len(parts[0]):
            write(path, ["\n".join([*parts[1], ""]).encode()])
        elif read == len(parts[0]) + len(parts[1]):
            control.stop()

    watchdog = threading.Timer(PATIENCE_S, control.stop)
    watchdog.start()
    found = follow_audit(tt.open(path, extent={FLASH1: "768K"}, following=control), control, told)
    watchdog.cancel()
    return found, known


@pytest.mark.slow
def test_a_finding_is_known_where_a_log_has_no_evidence_of_buffered_writes(tmp_path: Path) -> None:
    lines = accesses_alone(buffered_writes(0x100000))
    path = tmp_path / "guest.log"
    found, known = audit_in_two_parts(path, (lines[:-40], lines[-40:]))
    assert "EXT001" in known
    assert document(found) == document(tt.open(path, extent={FLASH1: "768K"}).audit())


def test_evidence_of_buffered_writes_that_comes_late_counts_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracetool.analysis.intake.PREROLL", 8)
    lines = buffered_writes(0x100000)
    most = len(lines) * 3 // 4
    path = tmp_path / "guest.log"
    found, _ = audit_in_two_parts(path, (accesses_alone(lines[:most]), lines[most:]))
    whole = tt.open(path, extent={FLASH1: "768K"}).audit()
    assert document(found) == document(whole)
    assert whole.devices[0].behaviour
