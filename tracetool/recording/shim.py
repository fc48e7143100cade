"""Shim that replaces a QEMU for a command, and records that QEMU with the arguments of the call.

It has QEMU's streams and exit code, and forwards signals. A call without a flash (`--version`, a guest with `-bios`) is
passed through to QEMU.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tracetool.errors import TracetoolError, UsageError
from tracetool.qemu.emulator import tied_to_this_process
from tracetool.recording.arguments import NoFlashError
from tracetool.recording.guest import Signals, run_in_foreground
from tracetool.recording.record import plan_recording, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.recording.guest import GuestEnd

_INTERRUPTED = 130


def main() -> NoReturn:
    """Record a QEMU; the arguments are the launch's folder and QEMU's command line."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    folder, *command = sys.argv[1:]
    os.environ["PATH"] = os.pathsep.join(entry for entry in os.get_exec_path() if entry != f"{folder}/bin")
    try:
        code = _record(Path(folder), command)
    except TracetoolError as error:
        sys.stderr.write(f"tracetool: {error}\n")
        code = error.exit_code
    except KeyboardInterrupt:
        code = _INTERRUPTED
    (Path(folder) / "running" / str(os.getpid())).unlink(missing_ok=True)
    sys.exit(code)


def _terminated(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _record(folder: Path, command: list[str]) -> int:
    launch = json.loads((folder / "launch.json").read_text(encoding="utf-8"))
    try:
        plan = plan_recording(command, launch["backend"], who=launch["who"], rerunnable=launch["rerunnable"])
    except UsageError as error:
        _leave(folder / "passed", {"reason": f"{Path(command[0]).name}: {error}"})
        if not isinstance(error, NoFlashError):
            raise
        os.execv(command[0], command)  # noqa: S606  the QEMU that the user's command names
    number = _leave(folder / "runs", {})
    run = Path(launch["run"] if number == 1 else f"{launch['run']}-{number}")
    (folder / "runs" / str(number)).write_text(json.dumps({"run": str(run)}), encoding="utf-8")
    signals = Signals()

    def guest(arguments: Sequence[str]) -> GuestEnd:
        return run_in_foreground([*tied_to_this_process(), *arguments], signals, seconds=launch["seconds"])

    try:
        return record(replace(plan, launcher=tuple(launch["command"])), run, guest, signals).end.code
    finally:
        if not (run / "run.json").exists():
            (folder / "runs" / str(number)).unlink(missing_ok=True)


def _leave(folder: Path, what: dict[str, str]) -> int:
    """Write a message to the next free number in a folder; return the number."""
    number = 1
    while True:
        try:
            with (folder / str(number)).open("x", encoding="utf-8") as file:
                json.dump(what, file)
        except FileExistsError:
            number += 1
        else:
            return number


if __name__ == "__main__":
    main()
