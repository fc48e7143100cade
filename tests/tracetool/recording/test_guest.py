from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.patience import wait_until
from tracetool.errors import MissingDependencyError
from tracetool.recording import guest as module
from tracetool.recording.guest import DiskWatch, GuestEnd, Signals, run_in_foreground

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("script", "end", "code"),
    [
        ("exit 0", GuestEnd(0), 0),
        ("exit 3", GuestEnd(3), 3),
        ("kill -9 $$", GuestEnd(None, 9), 137),
    ],
)
def test_a_guest_s_end_is_told_apart(script: str, end: GuestEnd, code: int) -> None:
    found = run_in_foreground(["/bin/sh", "-c", script], Signals())
    assert (found, found.code, found.failed) == (end, code, code != 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_this_process_is_passed_on(number: signal.Signals) -> None:
    handlers = [signal.getsignal(each) for each in module.FORWARDED]
    timer = threading.Timer(0.5, os.kill, (os.getpid(), number))
    with Signals().forwarded() as signals:
        timer.start()
        found = run_in_foreground(["sleep", "30"], signals)
    assert found == GuestEnd(None, number, relayed=(number,))
    assert [signal.getsignal(each) for each in module.FORWARDED] == handlers


def test_a_signal_that_another_thread_was_given_is_passed_on() -> None:
    def take() -> None:
        time.sleep(0.5)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    thread = threading.Thread(target=take)
    begin = time.monotonic()
    with Signals().forwarded() as signals:
        thread.start()
        assert run_in_foreground(["sleep", "30"], signals) == GuestEnd(None, signal.SIGTERM, relayed=(signal.SIGTERM,))
    thread.join()
    assert time.monotonic() - begin < 20


def test_a_signal_that_comes_before_the_guest_reaches_it() -> None:
    with Signals().forwarded() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert run_in_foreground(["sleep", "30"], signals) == GuestEnd(None, signal.SIGTERM, relayed=(signal.SIGTERM,))


def test_a_signal_after_the_guest_s_end_does_nothing() -> None:
    with Signals().forwarded() as signals:
        ended = run_in_foreground(["true"], signals)
        os.kill(os.getpid(), signal.SIGINT)
    assert ended == GuestEnd(0)


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="cannot be run: No such file or directory"):
        run_in_foreground([str(tmp_path / "qemu")], Signals())


def test_a_disk_without_room_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DiskWatch(tmp_path) as disk:
        assert not disk.ran_full
    assert not disk.ran_full
    monkeypatch.setattr(module, "LOW_BYTES", sys.maxsize)
    with DiskWatch(tmp_path) as disk:
        wait_until(lambda: disk.ran_full, "not seen")


def test_the_guest_stays_in_the_group_that_the_terminal_s_keys_reach() -> None:
    code = "import os, sys; sys.exit(os.getpgid(0) != int(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(os.getpgid(0))]
    assert run_in_foreground(command, Signals()) == GuestEnd(0)


def test_descriptors_that_were_given_to_the_recorder_reach_the_guest() -> None:
    """As for -netdev tap,fd=3."""
    read, write = os.pipe()
    os.set_inheritable(write, True)  # noqa: FBT003  the standard library's
    run_in_foreground([sys.executable, "-c", f"import os; os.write({write}, b'word')"], Signals())
    os.close(write)
    assert os.read(read, 10) == b"word"
    os.close(read)


def test_a_guest_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    script = ["/bin/sh", "-c", "trap '' INT TERM; while :; do sleep 0.1; done"]
    assert run_in_foreground(script, Signals(), seconds=0.3) == GuestEnd(None, signal.SIGKILL, stopped_after=0.3)


def test_a_hang_up_that_is_ignored_is_not_passed_on() -> None:
    """As `nohup` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals().forwarded() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.relayed == []
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
