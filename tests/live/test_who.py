"""The plugin in a running QEMU: every access has its code, and nothing else changes."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.firmware import padded, shell
from tests.patience import PATIENCE_S
from tests.requirements import lacking, needed_file, needed_program
from tests.tracetool.who.captures import callers_of, recorded
from tracetool.library.trace import open as open_traces
from tracetool.qemu.emulator import emulator
from tracetool.timeline.chain import module_of
from tracetool.who import build
from tracetool.who.build import built_plugin
from tracetool.who.log import read_who_log

if TYPE_CHECKING:
    from tracetool.qemu.emulator import Channel

pytestmark = pytest.mark.live

REGION = 64 << 20
MEMORY = 256 << 20
LINUX = "linux-image-cloud-amd64"
LONGEST_FUNCTION = 0x1000
"""Of the kernel's that are looked for."""
ARM_RANGES = "range=virt.flash0:0:4000000,range=virt.flash1:4000000:8000000"
X86_RANGES = "range=system.flash0:ffc84000:100000000,range=system.flash1:ffc00000:ffc84000"


def _boot_aavmf(folder: Path, options: list[str]) -> None:
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    code = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    folder.mkdir(exist_ok=True)
    flash0, flash1 = padded(code, folder / "code.fd", REGION), folder / "flash1.fd"
    with flash1.open("wb") as file:
        file.truncate(REGION)
    machine = ["-M", "virt", "-cpu", "cortex-a57", *options]
    with shell(program, machine, (f"file={flash0},readonly=on", f"file={flash1}"), folder) as prompt:
        prompt.quit()


def _all_lined_up(trace: Path, log: Path) -> None:
    found = callers_of(log, trace).attributed
    assert found.matched == found.accesses > 8000
    assert found.rows_over == 0


def _events(folder: Path) -> list[str]:
    """The events without their times."""
    text = (folder / "trace.log").read_text()
    return [re.sub(r"^.*?(?=pflash_)", "", line) for line in text.splitlines()]


def test_a_first_boot_of_aavmf(tmp_path: Path) -> None:
    log = tmp_path / "who.log"
    _boot_aavmf(tmp_path / "with", ["-plugin", f"{built_plugin()},out={log},{ARM_RANGES}"])
    _boot_aavmf(tmp_path / "without", [])
    assert _events(tmp_path / "with") == _events(tmp_path / "without")
    trace = tmp_path / "with" / "trace.log"
    _all_lined_up(trace, log)
    table = open_traces(trace, who_log=log).operations()
    assert not table["by"].null_count()
    assert not table["chain"].str.contains(r"\?").any(), "every module has a name"
    assert table.filter(table["by"] == "BdsDxe").height > 500
    version = subprocess.run(["dpkg-query", "-W", "qemu-efi-aarch64"], capture_output=True, text=True, check=True)
    if "2022.11-6+deb12u2" in version.stdout:  # of which the chains were checked against the guest's memory
        assert log.read_bytes().splitlines()[:-1] == recorded("who.log.zst").splitlines()[:-1]
    rows = log.read_bytes().count(b"\nA ")
    assert log.stat().st_size < 100 * rows


SMM = ["-M", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]


def _boot_ovmf(folder: Path, code: Path, options: list[str]) -> None:
    program = needed_program("qemu-system-x86_64", "qemu-system-x86")
    folder.mkdir(exist_ok=True)
    store = folder / "store.fd"
    shutil.copyfile(needed_file("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"), store)
    with shell(program, options, (f"file={code},readonly=on", f"file={store}"), folder) as prompt:
        prompt.quit()


@pytest.mark.parametrize(
    ("name", "machine", "asked"),
    [("OVMF_CODE_4M.fd", ["-M", "q35"], "FvbServicesRuntimeDxe"), ("OVMF_CODE_4M.secboot.fd", SMM, "PiSmmIpl")],
    ids=["4M", "smm"],
)
def test_a_first_boot_of_ovmf(name: str, machine: list[str], asked: str, tmp_path: Path) -> None:
    code, log = needed_file(f"/usr/share/OVMF/{name}", "ovmf"), tmp_path / "who.log"
    _boot_ovmf(tmp_path, code, [*machine, "-plugin", f"{built_plugin()},out={log},{X86_RANGES}"])
    trace = tmp_path / "trace.log"
    _all_lined_up(trace, log)
    table = open_traces(trace, who_log=log, code=code).operations()
    assert not table["by"].null_count()
    assert "?" not in set(table["by"])
    assert table["chain"].str.contains(asked).sum() > 0.999 * table.height
    assert table.filter(table["by"] == "IScsiDxe").height > 9000
    assert log.stat().st_size < 100 * log.read_bytes().count(b"\nA ")
    if machine is not SMM:
        _boot_ovmf(tmp_path / "without", code, machine)
        assert _events(tmp_path) == _events(tmp_path / "without")


def _with_check(folder: Path, ram_start: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Path]:
    """Options of a machine whose memory is a file, and of the plugin that looks into it; the file of its totals."""
    plugin, ram, totals = folder / "frames.so", folder / "ram", folder / "frames.txt"
    source = Path(__file__).with_name("frames.c")
    include = Path(build.__file__).parent
    warnings = ["-Wall", "-Wextra", "-Werror", "-I", str(include)]
    subprocess.run([needed_program("gcc", "gcc"), *build.FLAGS, *warnings, source, "-o", plugin], check=True)
    with ram.open("wb") as file:
        file.truncate(MEMORY)
    monkeypatch.setenv("RAM_FILE", str(ram))
    monkeypatch.setenv("RAM_START", f"{ram_start:x}")
    monkeypatch.setenv("FRAMES_FILE", str(totals))
    memory = ["-object", f"memory-backend-file,id=ram,size={MEMORY},mem-path={ram},share=on"]
    memory += ["-machine", "memory-backend=ram", "-m", f"{MEMORY >> 20}"]
    return [*memory, "-plugin", f"{plugin},out={folder / 'who.log'}"], totals


def _totals(file: Path) -> dict[str, int]:
    return {name: int(value) for name, _, value in (part.partition("=") for part in file.read_text().split())}


def test_the_chains_of_aavmf_are_those_in_the_guests_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options, totals = _with_check(tmp_path, 0x40000000, monkeypatch)
    options[-1] += f",{ARM_RANGES}"
    _boot_aavmf(tmp_path / "boot", options)
    found = _totals(totals)
    assert found["chains"] > 8000
    assert found["frames"] > 10 * found["chains"]
    assert found["links"] > 10 * found["chains"]
    assert (found["wrong"], found["broken"], found["elsewhere"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "machine"),
    [("OVMF_CODE_4M.fd", ["-M", "q35"]), ("OVMF_CODE_4M.secboot.fd", SMM)],
    ids=["4M", "smm"],
)
def test_the_chains_of_ovmf_are_those_in_the_guests_memory(
    name: str, machine: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = needed_file(f"/usr/share/OVMF/{name}", "ovmf")
    options, totals = _with_check(tmp_path, 0, monkeypatch)
    options[-1] += f",{X86_RANGES}"
    _boot_ovmf(tmp_path, code, [*machine, *options])
    found = _totals(totals)
    assert found["chains"] > 30_000
    assert found["frames"] > 10 * found["chains"]
    assert (found["wrong"], found["elsewhere"]) == (0, 0)


def test_u_boot_is_named_by_its_binary(tmp_path: Path) -> None:
    program = needed_program("qemu-system-aarch64", "qemu-system-arm")
    binary = needed_file("/usr/lib/u-boot/qemu_arm64/u-boot.bin", "u-boot-qemu")
    log, trace = tmp_path / "who.log", tmp_path / "trace.log"
    code, store = padded(binary, tmp_path / "code.fd", REGION), tmp_path / "flash1.fd"
    with store.open("wb") as file:
        file.truncate(REGION)
    options = ["-M", "virt", "-cpu", "cortex-a57", "-m", "256", "-display", "none", "-nic", "none"]
    options += [
        "-drive",
        f"if=pflash,format=raw,readonly=on,file={code}",
        "-drive",
        f"if=pflash,format=raw,file={store}",
    ]
    options += ["-trace", "pflash*", "-D", str(trace), "-plugin", f"{built_plugin()},out={log},{ARM_RANGES}"]
    with emulator(program, options, tmp_path / "qemu.txt", serial="-serial") as running:
        line = running.channel("serial")
        _until(line, b"Hit any key")
        line.send(b"\n")
        _until(line, b"=> ")
        line.send(b"saveenv\n")
        assert b"Erased 2 sectors" in _until(line, b"\r\n=> ")  # on a slow machine U-Boot gives up after that
        running.quit()
    found = callers_of(log, trace).attributed
    assert found.matched == found.accesses > 100
    table = open_traces(trace, who_log=log, code=binary).operations()
    assert set(table["by"]) == {"u-boot"}
    assert table["chain"].str.contains(r"^u-boot\+0x[0-9a-f]+( < u-boot\+0x[0-9a-f]+){3}").all()


def _until(line: Channel, text: bytes) -> bytes:
    """What the guest says up to a text."""
    seen, deadline = b"", time.monotonic() + PATIENCE_S
    while text not in seen and time.monotonic() < deadline:
        seen += line.receive_within(1.0) or b""
    assert text in seen
    return seen


def _initial_files(folder: Path, module: Path) -> Path:
    """Write a cpio archive ("newc") with the program `efi_variable.c`, the module that it loads, and a console."""
    program, archive = folder / "init", folder / "initrd"
    source = Path(__file__).with_name("efi_variable.c")
    subprocess.run([needed_program("gcc", "gcc"), "-O2", "-static", source, "-o", program], check=True)
    console = 5, 1
    with archive.open("wb") as file:
        for name, mode, data, device in (
            ("dev", 0o40755, b"", (0, 0)),
            ("dev/console", 0o20600, b"", console),
            ("proc", 0o40755, b"", (0, 0)),
            ("sys", 0o40755, b"", (0, 0)),
            ("init", 0o100755, program.read_bytes(), (0, 0)),
            ("efivarfs.ko", 0o100644, module.read_bytes(), (0, 0)),
            ("TRAILER!!!", 0, b"", (0, 0)),
        ):
            fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
            head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
            for part in (head, data):
                file.write(part + bytes(-len(part) % 4))
    return archive


def test_what_linux_writes_ends_with_the_thread_that_asked_the_firmware(tmp_path: Path) -> None:
    program = needed_program("qemu-system-x86_64", "qemu-system-x86")
    code, store = needed_file("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"), tmp_path / "store.fd"
    shutil.copyfile(needed_file("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"), store)
    kernel = max(Path("/boot").glob("vmlinuz-*-cloud-amd64"), default=None)
    if kernel is None:
        lacking(f"no kernel of a guest: apt-get install -y {LINUX}")
    version = kernel.name.removeprefix("vmlinuz-")
    module = needed_file(f"/lib/modules/{version}/kernel/fs/efivarfs/efivarfs.ko", LINUX)
    log, trace, initrd = tmp_path / "who.log", tmp_path / "trace.log", _initial_files(tmp_path, module)
    options = ["-M", "q35", "-m", "512", "-accel", "tcg", "-display", "none", "-nodefaults", "-nic", "none"]
    options += ["-drive", f"if=pflash,format=raw,readonly=on,file={code}", "-no-shutdown"]
    options += ["-drive", f"if=pflash,format=raw,file={store}", "-kernel", str(kernel), "-initrd", str(initrd)]
    options += ["-append", "console=ttyS0 quiet panic=-1 nokaslr", "-trace", "pflash*", "-D", str(trace)]
    options += ["-plugin", f"{built_plugin()},out={log},{X86_RANGES}"]
    with emulator(program, options, tmp_path / "qemu.txt", serial="-serial") as running:
        said = _until(running.channel("serial"), b"variable written")
        running.quit()
    _all_lined_up(trace, log)
    table = open_traces(trace, who_log=log, code=code).operations()
    assert not table["by"].null_count()
    chains = table.filter(table["chain"].str.contains("kernel"), table["kind"] == "program")["chain"].to_list()
    assert len(chains) > 50
    callers = [chain.split(" < ") for chain in chains]
    assert {tuple(dict.fromkeys(map(module_of, chain))) for chain in callers} == {
        ("FvbServicesRuntimeDxe", "VariableRuntimeDxe", "kernel")
    }
    thread = {tuple(caller for caller in chain if module_of(caller) == "kernel") for chain in callers}
    assert len(thread) == 1, "one call of the firmware"
    for caller, function in zip(
        *thread, ("__efi_call", "efi_call_rts", "process_one_work", "worker_thread"), strict=True
    ):
        found = re.search(rb"([0-9a-f]+) [tT] %s\r" % function.encode(), said)
        assert found is not None
        assert 0 < int(caller.removeprefix("kernel+"), 16) - int(found[1], 16) < LONGEST_FUNCTION


def test_a_full_disk_does_not_take_the_guest_down(tmp_path: Path) -> None:
    _boot_aavmf(tmp_path / "boot", ["-plugin", f"{built_plugin()},out=/dev/full,{ARM_RANGES}"])
    assert len(_events(tmp_path / "boot")) > 18_000


def test_it_has_no_undefined_behaviour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_program("gcc", "gcc")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-fsanitize=undefined"))
    log = tmp_path / "who.log"
    _boot_aavmf(tmp_path / "boot", ["-plugin", f"{built_plugin()},out={log},{ARM_RANGES}"])
    assert "runtime error" not in (tmp_path / "boot" / "qemu.txt").read_text()
    assert read_who_log(log.read_bytes()).complete
