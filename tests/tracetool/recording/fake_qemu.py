"""A stand-in for QEMU: it answers as one, and writes log and image as its environment says.

FAKE_BACKENDS: those that it has, `log` if not given. FAKE_TRACE: what its log becomes. FAKE_IMAGE and FAKE_AFTER: the
flash image, and what is put into it. FAKE_END: `quit`, `wait` (for a signal), `kill` (itself) or `fail`.
FAKE_SERIAL: what comes on the serial line, where there is one.
FAKE_SIGNALS: the file where signals that came are written.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sys
import time
from typing import NoReturn, TextIO

ARGUMENTS = sys.argv[1:]
BACKENDS = os.environ.get("FAKE_BACKENDS", "log").split()
ANSWERS = {
    "query-version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": ""},
    "query-target": {"arch": "aarch64"},
    "query-machines": [{"name": "virt-7.2", "alias": "virt"}, {"name": "none"}],
}


def after(option: str) -> str:
    """The value of an option, empty if it is not given."""
    return ARGUMENTS[ARGUMENTS.index(option) + 1] if option in ARGUMENTS else ""


def trace_file() -> str:
    return after("-trace").partition("file=")[2]


def channel(name: str) -> TextIO:
    """A stream that the program was started with."""
    number = int(next(part for part in ARGUMENTS if part.startswith(f"socket,id={name}")).partition("fd=")[2])
    return socket.socket(fileno=number).makefile("rw")


def control() -> None:
    """Serve the control protocol until `quit`, and trace it."""
    stream = channel("control")
    print(json.dumps({"QMP": {}}), file=stream, flush=True)
    for line in stream:
        command = json.loads(line)["execute"]
        print(json.dumps({"return": ANSWERS.get(command, {})}), file=stream, flush=True)
        if command == "quit":
            break


def trace_control() -> None:
    log = pathlib.Path(after("-D") if "simple" in BACKENDS else trace_file())
    if "simple" in BACKENDS:
        pathlib.Path(trace_file()).write_bytes(b"\xff" * 8 + b"\x00\xa4qmp")
    if "log" in BACKENDS:
        log.write_text("handle_qmp_command mon 0x1 req: {}\n")


def guest() -> None:
    """Act as a guest: write the trace, then the image."""
    trace, image = os.environ.get("FAKE_TRACE"), os.environ.get("FAKE_IMAGE")
    if trace:
        with contextlib.suppress(OSError):  # as QEMU: what there is no room for is not in its log
            shutil.copyfile(trace, trace_file() or after("-D"))
    if image:
        shutil.copyfile(os.environ["FAKE_AFTER"], image)
    sys.stdout.write("the guest speaks\n")
    sys.stdout.flush()


def end() -> NoReturn:
    way = os.environ.get("FAKE_END", "quit")
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "fail":
        sys.stderr.write("qemu-system-fake: no such thing\n")
        sys.exit(7)
    while way == "wait":
        time.sleep(60)
    sys.exit(0)


def note_signal(number: int, _: object) -> None:
    with pathlib.Path(os.environ["FAKE_SIGNALS"]).open("a") as file:
        print(signal.Signals(number).name, file=file)
    sys.exit(0)


def main() -> None:
    """Act as QEMU."""
    if "FAKE_SIGNALS" in os.environ:
        for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(wanted, note_signal)
    if after("-M") == "none":
        control()
        if trace_file():
            trace_control()
    elif "-serial" in ARGUMENTS:
        guest()
        serial = channel("serial")
        print(os.environ["FAKE_SERIAL"], end="", file=serial, flush=True)
        control()
        serial.close()
    else:
        guest()
        end()


if __name__ == "__main__":
    main()
