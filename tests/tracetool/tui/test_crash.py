"""Exceptions planted wherever the app runs code: exit code 3, the terminal as it was, the traceback in a file."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
from textual import work

from tests.tracetool.tui.driving import NO_KEYS
from tests.tracetool.viewmodel.samples import padding
from tracetool.errors import InputError, UsageError
from tracetool.tui.app import TraceApp
from tracetool.tui.bars import TopBar
from tracetool.tui.crash import CrashError, keep_traceback
from tracetool.tui.timeline import TimelineView
from tracetool.viewmodel.audit_session import Job, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult


class PlantedError(Exception):
    """What the tests plant."""


def fail(*_: object) -> None:
    raise PlantedError("planted")


class _Planted(TraceApp):
    """The app with a fault at one place, and somebody who leaves it with `q`."""

    def __init__(self, place: str) -> None:
        super().__init__(Job(padding, Progress()).start(), keys=NO_KEYS)
        self.place = place

    def on_mount(self) -> None:
        super().on_mount()
        if self.place == "mount":
            fail()
        self.call_after_refresh(self._plant)

    def _plant(self) -> None:
        self.set_timer(0.2, lambda: self.simulate_key("q"))
        loop = asyncio.get_running_loop()
        if self.place == "handler":
            self.call_later(fail)
        elif self.place == "action":
            self.action_help = fail  # type: ignore[method-assign]
            self.simulate_key("question_mark")
        elif self.place == "timer":
            self.set_timer(0.01, fail)
        elif self.place == "worker":
            self._work()
        elif self.place == "thread":
            self._work_in_thread()
        elif self.place == "render":
            view = self.query_one(TimelineView)
            view.grid.render_line = fail  # type: ignore[method-assign, assignment]
            self.action_view("timeline")
        elif self.place == "loop":
            loop.call_soon(fail)
        elif self.place == "task":
            self._task_kept = loop.create_task(self._fail_later())
            self._task_kept = loop.create_task(asyncio.sleep(0))  # nobody looks at the first any more
        elif self.place == "panic":
            self.call_later(self.panic, "the input thread failed")

    @work
    async def _work(self) -> None:
        fail()

    @work(thread=True)
    def _work_in_thread(self) -> None:
        fail()

    async def _fail_later(self) -> None:
        fail()

    def on_unmount(self) -> None:
        super().on_unmount()
        if self.place == "unmount":
            fail()


QUICK = ["action", "worker", "render", "unmount"]
SLOW = ["mount", "handler", "timer", "thread", "loop", "task", "panic"]


@pytest.mark.parametrize("place", [*QUICK, *(pytest.param(place, marks=pytest.mark.slow) for place in SLOW)])
@pytest.mark.slow
def test_a_crash_ends_with_three_and_keeps_its_traceback(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CrashError) as raised:
        _Planted(place).run_to_end(tmp_path / "reports", headless=True)
    assert raised.value.exit_code == 3
    (report,) = (tmp_path / "reports").iterdir()
    message = str(raised.value)
    assert message.startswith(f"{report}: internal error: ")
    assert "\n" not in message
    text = report.read_text()
    assert ("Traceback" in text) == (place != "panic")
    assert ("PlantedError: planted" in text) == (place != "panic")
    assert ("the input thread failed" in text) == (place == "panic")
    assert "tracetool: " in text
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_signal_while_the_views_are_made_ends_the_app_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = TopBar.compose

    def signalled(bar: TopBar) -> ComposeResult:
        os.kill(os.getpid(), signal.SIGTERM)
        yield from compose(bar)

    monkeypatch.setattr(TopBar, "compose", signalled)
    before = signal.getsignal(signal.SIGTERM)
    app = TraceApp(Job(padding, Progress()).start(), keys=NO_KEYS)
    assert app.run_to_end(tmp_path, headless=True) == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.slow
def test_an_app_without_a_fault_ends_with_zero(tmp_path: Path) -> None:
    assert _Planted("nowhere").run_to_end(tmp_path / "reports", headless=True) == 0
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(("error", "expected"), [(InputError("cut"), InputError), (KeyError("fault"), CrashError)])
def test_a_first_load_that_fails_is_a_crash_only_where_it_is_a_fault(
    error: Exception, expected: type[Exception], tmp_path: Path
) -> None:
    def work() -> None:
        raise error

    app = TraceApp(Job(work, Progress()).start(), keys=NO_KEYS)  # type: ignore[arg-type]
    with pytest.raises(expected):
        app.run_to_end(tmp_path, headless=True)
    assert len(list(tmp_path.iterdir())) == (expected is CrashError)


def test_a_traceback_goes_to_the_temporary_directory_where_the_state_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    error = keep_traceback(PlantedError("\x1b[31m\nred"), tmp_path / "file" / "crashes")
    (report,) = tmp_path.glob("tracetool-crash-*")
    assert str(report) in str(error)
    assert "\x1b" not in str(error)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert "--debug" in str(keep_traceback(PlantedError("red"), tmp_path / "file" / "crashes"))


@pytest.mark.parametrize("driver", ["nonsense", "os:path", "nowhere:Driver", "textual.app:App"])
def test_a_driver_that_is_none_is_wrong_usage(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.DRIVER", driver)
    with pytest.raises(UsageError, match=f"TEXTUAL_DRIVER={driver}: no driver of textual"):
        TraceApp(Job(padding, Progress()), keys=NO_KEYS)
