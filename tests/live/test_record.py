"""Recordings of real guests: their arguments, their run directories, and the output for the user."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.images import difference
from tests.live.firmware import padded
from tests.requirements import lacking, needed_file, needed_program
from tests.terminal import PROGRAM
from tests.tracetool.cli.program import COMMAND, Ended, environment, tracetool
from tracetool.qemu.emulator import emulator
from tracetool.recording.arguments import read_command_line
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.terminal import Terminal

pytestmark = pytest.mark.live

REGION = 64 << 20
PATIENCE_S = 300
PROMPT = b"Shell> "


@dataclass(frozen=True)
class Guest:
    """AAVMF on a machine without anything else."""

    program: str
    code: Path
    image: Path

    def command(self, *, form: str = "raw") -> list[str]:
        """The command line, on a terminal."""
        drives = [f"format=raw,readonly=on,file={self.code}", f"format={form},file={self.image}"]
        options = [part for drive in drives for part in ("-drive", f"if=pflash,{drive}")]
        machine = ["-M", "virt", "-cpu", "cortex-a57", "-m", "256", "-accel", "tcg", "-nic", "none"]
        return [self.program, *machine, "-display", "none", "-serial", "stdio", *options]


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    code = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    image = tmp_path / "my vars.fd"
    with image.open("wb") as file:
        file.truncate(REGION)
    return Guest(program, padded(code, tmp_path / "code.fd", REGION), image)


@dataclass
class Recording:
    """A recording in the background."""

    process: subprocess.Popen[bytes]
    seen: bytes = b""

    def until(self, text: bytes) -> None:
        """Read the guest's output until this text."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.seen and time.monotonic() < deadline:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, self.seen[-500:]
            self.seen += data
        assert text in self.seen

    def end(self) -> Ended:
        """Wait for the end of the recording."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Ended(self.process.returncode, self.seen + out, err.decode())

    def guest(self) -> int:
        """Process of the guest."""
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(child)


def started(run: Path, command: list[str], *options: str) -> Recording:
    arguments = [*COMMAND, "record", *options, "-o", str(run), "--", *command]
    pipe = subprocess.PIPE
    return Recording(subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment()))


def booted(run: Path, command: list[str], *options: str) -> Ended:
    """Record a boot to the shell, ended by a signal to the recorder."""
    recording = started(run, command, *options)
    recording.until(PROMPT)
    recording.process.send_signal(signal.SIGTERM)
    return recording.end()


def _audit(*runs: Path) -> tuple[int, dict[str, Any]]:
    ended = tracetool("audit", *runs, "--format", "json")
    return ended.code, json.loads(ended.out)


def _device(document: dict[str, Any], name: str = "virt.flash1") -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in document["devices"] if entry["name"] == name)
    return found


def test_two_boots_are_recorded_and_follow_each_other(guest: Guest, tmp_path: Path) -> None:
    runs = [tmp_path / "run 1", tmp_path / "run 2"]
    for run in runs:
        ended = booted(run, guest.command())
        assert (ended.code, b"WITHIN-EXTENT" in ended.out) == (0, True), ended.err
        assert b"RO001" in ended.out
        assert tracetool("verify", run).code == 0
    assert difference(runs[1] / "after" / "virt.flash1.fd", guest.image) == ""
    code, document = _audit(*runs)
    assert (code, _device(document)["verdict"]) == (0, "within-extent")
    code, document = _audit(*reversed(runs))
    assert (code, _device(document)["verdict"]) == (4, "inconclusive")
    assert any(found["rule"] == "TRC007" for found in document["findings"])


def test_an_interrupt_ends_the_guest_and_finishes_the_run(guest: Guest, tmp_path: Path) -> None:
    recording = started(tmp_path / "run", guest.command())
    recording.until(b"BdsDxe")
    recording.process.send_signal(signal.SIGINT)
    ended = recording.end()
    assert b"virt.flash1  within-extent" in ended.out
    assert read_run_directory(str(tmp_path / "run")).run.state == "finished"


@pytest.mark.parametrize("form", ["-snapshot", "snapshot=on"])
def test_an_image_that_qemu_does_not_write_is_not_compared(form: str, guest: Guest, tmp_path: Path) -> None:
    command = guest.command()
    if form == "-snapshot":
        command.append(form)
    else:
        command[-1] += f",{form}"
    ended = booted(tmp_path / "run", command)
    assert (ended.code, f"{form}: QEMU discards the guest's writes to {guest.image}" in ended.err) == (0, True)
    verified = tracetool("verify", tmp_path / "run")
    assert (verified.code, "its image: QEMU discarded" in verified.text) == (0, True), verified.text


def test_a_script_that_starts_the_guest_is_recorded(guest: Guest, tmp_path: Path) -> None:
    program, *options = guest.command()
    script = tmp_path / "launch.sh"
    script.write_text(f"#!/bin/sh\n{shlex.join([Path(program).name, *options])}\n")
    script.chmod(0o755)
    ended = booted(tmp_path / "run", [str(script)])
    assert (ended.code, b"WITHIN-EXTENT" in ended.out) == (0, True), ended.err
    run = read_run_directory(str(tmp_path / "run")).run
    assert (run.program, run.launcher, run.relayed) == (program, (str(script),), ("SIGTERM",))
    assert difference(tmp_path / "run" / "after" / "virt.flash1.fd", guest.image) == ""
    assert tracetool("verify", tmp_path / "run").code == 0


def test_a_qcow2_image_is_kept_as_the_guest_sees_it(guest: Guest, tmp_path: Path) -> None:
    convert = [needed_program("qemu-img", "qemu-utils"), "convert", "-f", "raw", "-O"]
    image = tmp_path / "vars.qcow2"
    subprocess.run([*convert, "qcow2", guest.image, image], check=True)
    ended = booted(tmp_path / "run", Guest(guest.program, guest.code, image).command(form="qcow2"))
    assert ended.code == 0, ended.err
    assert tracetool("verify", tmp_path / "run").code == 0
    (_, store) = read_run_directory(str(tmp_path / "run")).run.flashes
    assert (store.format, store.before is not None and store.before.bytes) == ("qcow2", REGION)


def test_a_qemu_that_is_killed_leaves_what_it_did(guest: Guest, tmp_path: Path) -> None:
    recording = started(tmp_path / "run", guest.command())
    recording.until(PROMPT)
    os.kill(recording.guest(), signal.SIGKILL)
    ended = recording.end()
    assert (ended.code, b"ended by signal 9" in ended.out) == (4, True)
    assert difference(tmp_path / "run/after/virt.flash1.fd", guest.image) == ""
    assert tracetool("verify", tmp_path / "run").code in (0, 4)


def test_a_recorder_that_is_killed_leaves_guest_and_trace_alone(guest: Guest, tmp_path: Path) -> None:
    recording = started(tmp_path / "run", guest.command())
    recording.until(b"BdsDxe")
    child = recording.guest()
    recording.process.kill()
    recording.process.wait()
    recording.until(PROMPT)  # the guest goes on
    os.kill(child, signal.SIGTERM)
    recording.end()
    code, document = _audit(tmp_path / "run")
    assert (code, _device(document)["verdict"]) == (4, "inconclusive")
    assert tracetool("replay", tmp_path / "run", "--write-image", f"virt.flash1={tmp_path}/replayed.fd").code == 4
    assert difference(tmp_path / "replayed.fd", guest.image) == ""


def test_a_guest_is_seen_while_it_is_recorded(guest: Guest, terminal: Terminal, tmp_path: Path) -> None:
    """On the screen as it boots, without a key; it is ended with the app, and its run directory is whole."""
    command = shlex.join(["record", "--view", "-o", str(tmp_path / "run"), "--", *guest.command()])
    terminal.run(f"{PROGRAM} {command}", (150, 60))
    terminal.wait("events, following")
    terminal.send("6")
    terminal.wait("BootOrder")
    output = tmp_path / "run" / "guest.out"
    terminal.wait_until(lambda _: PROMPT in output.read_bytes())
    terminal.send("q", "e")
    terminal.wait("ended with 0", "keys are echoed")
    assert difference(tmp_path / "run/after/virt.flash1.fd", guest.image) == ""
    assert tracetool("verify", tmp_path / "run").code == 0


# --- runs that can be run again ----------------------------------------------------------------------------------


def test_who_wrote_is_asked_after_the_run(guest: Guest, tmp_path: Path) -> None:
    needed_program("gcc", "gcc")
    run = tmp_path / "run"
    assert booted(run, guest.command(), "--rr").code == 0
    later = (run / "trace.log").read_bytes()
    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    (changed / "trace.log").write_bytes(later.replace(b"value:0x500050 ", b"value:0x500051 ", 1))
    lost = tmp_path / "lost"
    shutil.copytree(run, lost)
    (lost / "replay.bin").write_bytes(b"")

    ended = tracetool("who", run)
    assert (ended.code, "replaying the run" in ended.err) == (0, True)
    rows = {row[0]: row[1:] for row in (line.split() for line in ended.text.splitlines()[1:])}
    assert int(rows["BdsDxe"][1]) > 100
    assert "?" not in rows
    assert (run / "trace.log").read_bytes() == later
    again = tracetool("who", run)
    assert (again.text, again.err) == (ended.text, "")
    assert not (changed / "who.log").exists()

    ended = tracetool("who", changed)
    assert ended.code == 3
    assert "the replay went otherwise than the recording from event " in ended.err
    ended = tracetool("who", lost)
    assert ended.code == 3
    assert "Traceback" not in ended.err
    for folder in (changed, lost):
        assert not (folder / "who.log").exists()
        assert read_run_directory(str(folder)).run.who is None


def test_a_run_with_its_flashes_as_nodes_is_replayed_until_where_it_was_ended(guest: Guest, tmp_path: Path) -> None:
    needed_program("gcc", "gcc")
    machine = guest.command()[:-4]
    machine[machine.index("virt")] = "virt,pflash0=code,pflash1=vars"
    nodes = [("code", guest.code, "on"), ("vars", guest.image, "off")]
    for name, path, read_only in nodes:
        node = f"driver=raw,node-name={name},read-only={read_only},file.driver=file,file.filename={path}"
        machine += ["-blockdev", node]
    run = tmp_path / "run"
    arguments = [*COMMAND, "record", "--rr", "--seconds", "20", "-q", "-o", str(run), "--", *machine]
    done = subprocess.run(
        arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment(), timeout=PATIENCE_S
    )
    assert done.returncode in (0, 4), done.stderr
    guest.image.unlink()
    ended = tracetool("who", run)
    assert ended.code == 0, ended.err
    assert "VariableRuntimeDxe" in ended.text


ARM_STORES = struct.pack("<5I", 0xE3A004E2, 0xE3A010F0, 0xE5C01000, 0xE5C01AAA, 0xEAFFFFFE)
"""mov r0, #0xe2000000; mov r1, #0xf0; strb r1, [r0]; strb r1, [r0, #0xaaa]; b ."""


def test_a_machine_that_is_not_known_is_asked_where_its_flash_is(tmp_path: Path) -> None:
    needed_program("gcc", "gcc")
    program, image = needed_program("qemu-system-arm", "qemu-system-arm"), tmp_path / "flash.fd"
    (tmp_path / "code.bin").write_bytes(ARM_STORES)
    with image.open("wb") as file:
        file.truncate(REGION)
    machine = [program, "-M", "xilinx-zynq-a9", "-display", "none", "-drive", f"if=pflash,format=raw,file={image}"]
    machine += ["-device", f"loader,file={tmp_path}/code.bin,addr=0x100000,cpu-num=0"]
    run = tmp_path / "run"
    for seconds in ("2", "10", "60"):  # a busy machine takes some until QEMU runs
        if b"zynq.pflash" in started(run, machine, "--who", "--seconds", seconds).end().out:
            break
        shutil.rmtree(run, ignore_errors=True)
    ended = tracetool("who", run, "--operations", "--format", "jsonl")
    rows = [json.loads(line) for line in ended.text.splitlines()]
    assert [(row["offset"], row["pc"]) for row in rows] == [(0, 0x100008), (0xAAA, 0x10000C)]
    machine[2] = "none"
    refused = started(tmp_path / "none", machine, "--who").end()
    assert (refused.code, (tmp_path / "none").exists()) == (3, False)
    assert "the memory map of the machine none cannot be read: QEMU ended; it said: " in refused.err


# --- images that QEMU does not take ------------------------------------------------------------------------------


def _refused(run: Path, command: list[str]) -> str:
    ended = tracetool("record", "-o", run, "--", *command)
    assert (ended.code, ended.out) == (1, b"")
    message, *_, said = ended.err.splitlines()
    assert said == f"tracetool: QEMU did not start (exit code 1): nothing was recorded, {run} can be used again"
    return message


def test_an_image_that_another_guest_writes_is_refused(guest: Guest, tmp_path: Path) -> None:
    """QEMU itself would accept it: flash drives share their images."""
    recording = started(tmp_path / "run", guest.command())
    recording.until(b"UEFI")
    ended = tracetool("record", "-o", tmp_path / "other", "--", *guest.command())
    assert (ended.code, ended.out) == (3, b"")
    assert f"{guest.image}: another QEMU has it open for writing; end that guest first" in ended.err
    assert not (tmp_path / "other").exists()
    recording.until(b"BdsDxe")  # by then the firmware has written its variables
    recording.process.send_signal(signal.SIGTERM)
    assert recording.end().code == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lacking(f"no file system can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_runs_full_during_a_boot_is_said(guest: Guest, disk: Path) -> None:
    """There is room for the code's copy and for half of the trace."""
    ended = booted(disk / "run", guest.command())
    assert (ended.code, b"the disk ran full while the guest ran" in ended.out) == (4, True), ended.err
    run = read_run_directory(str(disk / "run")).run
    assert (run.state, run.exit_code) == ("finished", 0)
    assert "virt.flash1: its image after the run was not copied: No space left on device" in ended.err
    assert (disk / "run/before/virt.flash1.fd").stat().st_size == REGION


def test_an_image_that_cannot_be_written_is_qemu_s_own_complaint(guest: Guest, disk: Path, tmp_path: Path) -> None:
    with (disk / "vars.fd").open("wb") as file:
        file.truncate(REGION)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    command = Guest(guest.program, guest.code, disk / "vars.fd").command()
    assert "Read-only file system" in _refused(tmp_path / "run", command)


# --- arguments ---------------------------------------------------------------------------------------------------

JSON_FILE = """if=pflash,file=json:{"driver":"qcow2",,"file":{"driver":"file",,"filename":"DIR/v,,1.qcow2"}}"""
STORAGE = '{"driver":"file","filename":"DIR/a b.fd","node-name":"s0","auto-read-only":true}'
FORMAT = '{"node-name":"f0","read-only":true,"driver":"raw","file":"s0"}'

FORMS = {
    "drives in turn": ["-drive", "if=pflash,format=raw,readonly=on,file=DIR/a b.fd", "-pflash", "DIR/b.fd"],
    "units": ["-drive", "if=pflash,format=raw,unit=1,file=DIR/b.fd", "-drive", "if=pflash,file=DIR/a b.fd,format=raw"],
    "index": ["-drive", "if=pflash,index=1,file=DIR/b.fd,format=raw", "-pflash", "DIR/a b.fd"],
    "commas": ["-drive", "if=pflash,file=DIR/v,,1.qcow2", "-drive", "if=pflash,format=raw,file=file:DIR/b.fd"],
    "file.filename": ["-drive", "if=pflash,format=qcow2,file.filename=DIR/v,,1.qcow2"],
    "file.driver": ["-drive", "if=pflash,driver=raw,read-only=on,file.driver=file,file.filename=DIR/b.fd"],
    "json": ["-drive", JSON_FILE],
    "libvirt": ["-blockdev", STORAGE, "-blockdev", FORMAT, "-machine", "pflash0=f0"],
    "inline": ["-blockdev", "driver=raw,node-name=n,file.driver=file,file.filename=DIR/b.fd", "-machine", "pflash0=n"],
    "over": [
        *("-blockdev", "driver=qcow2,node-name=q,file.driver=file,file.filename=DIR/v,,1.qcow2"),
        *("-blockdev", "driver=raw,node-name=r,file=q", "-machine", "pflash0=r"),
    ],
    "drive by id": ["-drive", "if=none,id=x,format=raw,readonly=on,file=DIR/b.fd", "-machine", "pflash0=x"],
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_found_in_the_arguments_is_what_qemu_opens(form: str, tmp_path: Path) -> None:
    program = needed_program("qemu-system-x86_64", "qemu-system-x86")
    convert = [needed_program("qemu-img", "qemu-utils"), "create", "-q", "-f", "qcow2"]
    for name in ("a b.fd", "b.fd"):
        (tmp_path / name).write_bytes(bytes(1 << 16))
    subprocess.run([*convert, tmp_path / "v,1.qcow2", "64K"], check=True)
    arguments = ["-M", "q35", *(text.replace("DIR", str(tmp_path)) for text in FORMS[form])]
    found = {
        flash.unit: (flash.image.path, flash.image.format or _kind(flash.image.path), flash.image.read_only)
        for flash in read_command_line(arguments).flashes
    }
    with emulator(program, [*arguments, "-S", "-display", "none", "-nodefaults"], tmp_path / "said") as running:
        opened = dict(_opened(running.control.execute("query-block")))
        running.quit()
    assert found == opened


def _kind(path: str) -> str:
    return "qcow2" if path.endswith("qcow2") else "raw"


def _opened(devices: list[dict[str, Any]]) -> Iterator[tuple[int, tuple[str, str, bool]]]:
    """QEMU's flash drives: path, format and read-only, by unit."""
    for entry in devices:
        name = entry["device"] if entry["device"].startswith("pflash") else entry.get("qdev", "")
        if "flash" not in name:
            continue
        image = entry["inserted"]["image"]
        while "backing-image" in image:
            image = image["backing-image"]
        path = _innermost(image["filename"])
        yield int(name[-1]), (path, _kind(path), entry["inserted"]["ro"])


def _innermost(name: str) -> str:
    """File of a drive, whose name may be a JSON description of nodes."""
    if not name.startswith("json:"):
        return name
    node: Any = json.loads(name.removeprefix("json:"))
    while "filename" not in node:
        node = node["file"]
    return str(node["filename"])


def test_a_firmware_that_is_stopped_too_early_is_not_called_safe(tmp_path: Path) -> None:
    needed_program("qemu-system-aarch64", "qemu-system-arm")
    needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    ended = tracetool("audit-firmware", "aavmf", "--seconds", "1", "-o", tmp_path / "runs")
    assert (ended.code, ended.text.startswith("INCONCLUSIVE")) == (4, True)
    assert "stopped (--seconds) after" in ended.err
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["boot-0", "boot-1", "qemu.txt", "vars.fd"]
    assert tracetool("audit", tmp_path / "runs/boot-0", tmp_path / "runs/boot-1").code == 4
    shutil.rmtree(tmp_path / "runs")
