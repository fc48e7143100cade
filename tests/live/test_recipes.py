"""The recipes of the documents, run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.captures import ROOT, capture_path, case_path
from tests.live.firmware import padded
from tests.patience import PATIENCE_S
from tests.requirements import needed_file, needed_program
from tests.terminal import PROGRAM
from tests.test_docs import section
from tests.tracetool.cli.program import COMMAND, Ended, environment
from tests.tracetool.ingest.test_uefi_vars import BOOT as UEFI_VARS_BOOT
from tests.tracetool.recording import fake_qemu
from tests.tracetool.runs.support import FIRST_BOOT, PADDING
from tracetool.compression import compression_of, decompressed

if TYPE_CHECKING:
    from tests.terminal import Terminal

pytestmark = pytest.mark.live

REGION = 64 << 20
AAVMF_CODE = "/usr/share/AAVMF/AAVMF_CODE.fd"
LIBVIRT_LOG = "/var/log/libvirt/qemu/guest.log"


RECIPES = ROOT / "docs" / "recipes.md"


def recipe(title: str) -> str:
    """Text of a recipe."""
    found = section(title, RECIPES)
    assert found, title
    return found


def block(text: str, language: str) -> str:
    """The only code block of a language in a text."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


def commands(text: str) -> list[list[str]]:
    """Command lines that run the program, each with its continuation lines."""
    return [
        shlex.split(line, comments=True)
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("tracetool ")
    ]


def run(arguments: list[str], folder: Path, **settings: str) -> Ended:
    done = subprocess.run(
        [*COMMAND, *arguments[1:]],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    return Ended(done.returncode, done.stdout, done.stderr.decode())


def run_to_the_shell(
    command: list[str], folder: Path, *, said: Path | None = None, typed: tuple[bytes, ...] = (), code: int = 0
) -> bytes:
    """Run a guest, or a recording of one, to its shell, type commands there, end it, and return its output."""
    errors = (said or folder / "errors").open("ab")
    with (
        errors,
        subprocess.Popen(
            command, cwd=folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        seen = b""
        deadline = time.monotonic() + PATIENCE_S
        for line in (*typed, b""):
            prompted = b""
            while b"Shell> " not in prompted and time.monotonic() < deadline:
                prompted += process.stdout.read1()  # type: ignore[attr-defined]
            seen += prompted
            if line:
                process.stdin.write(line + b"\r")
                process.stdin.flush()
        process.send_signal(signal.SIGTERM)
        seen += process.stdout.read()
    assert process.returncode == code
    return seen


@pytest.fixture
def aavmf(tmp_path: Path) -> Path:
    """A folder with an empty variable store, where AAVMF and its QEMU are installed."""
    needed_program("qemu-system-aarch64", "qemu-system-arm")
    needed_file(AAVMF_CODE, "qemu-efi-aarch64")
    with (tmp_path / "vars.fd").open("wb") as file:
        file.truncate(REGION)
    return tmp_path


def test_a_guest_is_recorded(aavmf: Path) -> None:
    (command,) = commands(block(section("Audit a guest"), "sh"))
    seen = run_to_the_shell([*COMMAND, *command[1:]], aavmf)
    assert b"WITHIN-EXTENT" in seen
    assert command in [arguments[: len(command)] for arguments in _examples()]


def _examples() -> list[list[str]]:
    text = re.sub(r"  # exit code \d$", "", section("Commands"), flags=re.MULTILINE)
    return commands(block(text, "sh"))


def test_the_distribution_s_aavmf_is_audited(aavmf: Path) -> None:
    (command,) = commands(block(recipe("Does my distribution's AAVMF stay within its variable store?"), "sh"))
    store = needed_file("/usr/share/AAVMF/AAVMF_VARS.fd", "qemu-efi-aarch64")
    before = store.stat()
    begin = time.monotonic()
    ended = run(command, aavmf)
    assert time.monotonic() - begin < PATIENCE_S
    assert (ended.code, ended.text.startswith("WITHIN-EXTENT")) == (0, True), ended.err
    assert "RO001    virt.flash0" in ended.text
    assert ended.err.count("the UEFI shell after") == 2
    assert (store.stat().st_mtime_ns, store.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert command in _examples()


def test_the_distribution_s_ovmf_is_audited(tmp_path: Path) -> None:
    needed_program("qemu-system-x86_64", "qemu-system-x86")
    needed_file("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    plain, secure = commands(block(recipe("And its OVMF?"), "sh"))
    for command in (plain, secure):
        ended = run(command, tmp_path)
        assert (ended.code, ended.text.startswith("WITHIN-EXTENT")) == (0, True), ended.err
    assert (tmp_path / "runs" / "boot-1" / "run.json").exists()


def test_a_libvirt_guest_s_log_is_audited(aavmf: Path) -> None:
    """QEMU gets the arguments of the domain, and its messages go into one file, as with libvirt."""
    text = recipe("A libvirt guest")
    namespace = "{http://libvirt.org/schemas/domain/qemu/1.0}"
    arguments = [entry.attrib["value"] for entry in ET.fromstring(block(text, "xml")).iter(f"{namespace}arg")]  # noqa: S314
    log = aavmf / "guest.log"
    log.write_text("2026-01-01 00:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.22\n")
    shutil.copyfile(aavmf / "vars.fd", aavmf / "before.fd")
    code = padded(Path(AAVMF_CODE), aavmf / "code.fd", REGION)
    drives = [f"if=pflash,format=raw,file={name}" for name in (f"{code},readonly=on", "vars.fd")]
    machine = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-m", "256", "-nographic", "-nodefaults"]
    machine += ["-serial", "stdio", "-msg", "timestamp=on", "-drive", drives[0], "-drive", drives[1]]
    run_to_the_shell([*machine, *arguments], aavmf, said=log)
    (command,) = commands(block(text, "sh"))
    assert LIBVIRT_LOG in command
    ended = run([str(log) if part == LIBVIRT_LOG else part for part in command], aavmf)
    assert (ended.code, ended.text.startswith("WITHIN-EXTENT")) == (0, True), ended.err + ended.text


def test_the_ci_job_fails_when_the_padding_is_touched(aavmf: Path) -> None:
    job = block(recipe("A CI job that fails when the padding is touched"), "yaml")
    boots, report = (shlex.split(line) for line in re.findall(r"- (tracetool .*)", job))
    for command in (boots, report):
        assert run(command, aavmf).code == 0
    assert (aavmf / "flash.xml").read_text().startswith("<?xml")
    shutil.rmtree(aavmf / "runs" / "boot-1")
    PADDING.at(aavmf / "runs" / "boot-1")
    assert run(report, aavmf).code == 1


def test_shards_of_a_matrix_are_merged_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the README and the recipes; the first boot is read, the other wrote outside."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "runs").mkdir()
    for number, sample in enumerate((FIRST_BOOT, FIRST_BOOT, PADDING, FIRST_BOOT)):
        sample.at(tmp_path / "runs" / f"boot-{number}")
    text = recipe("Many runs, and a CI matrix whose shards are merged")
    whole, _, resumed = ([word for word in line if word not in (">", "fleet.html")] for line in commands(text))
    whole = [word for word in whole if word not in ("--jobs", "4")]  # whose workers have tests of their own
    assert run(whole, tmp_path).code == 1
    table = (tmp_path / "fleet.parquet").read_bytes()
    again = run(resumed, tmp_path)
    assert "4 runs known from earlier, 0 read" in again.err
    assert (tmp_path / "fleet.parquet").read_bytes() == table
    shard, merge = re.findall(r"- (tracetool .*)", block(text, "yaml"))
    codes = [
        run(shlex.split(shard.replace("$CI_NODE_INDEX", str(part)).replace("$CI_NODE_TOTAL", "3")), tmp_path).code
        for part in (1, 2, 3)
    ]
    assert max(codes) == 1
    page = run(shlex.split(merge.partition(" > ")[0]), tmp_path)
    assert (page.code, page.text[:15]) == (1, "<!DOCTYPE html>")
    merged = [*shlex.split(merge.partition(" --")[0]), "-o", "merged.parquet"]
    assert run(merged, tmp_path).code == 1
    assert (tmp_path / "merged.parquet").read_bytes() == table
    shown = commands(section("Audit a fleet"))
    assert [line[:2] for line in shown] == [["tracetool", "fleet"]] * 3
    assert shown[1][2:] == shlex.split(shard.replace("$CI_NODE_INDEX", "1").replace("$CI_NODE_TOTAL", "3"))[2:]
    assert shown[2][2:] == ["part-1.parquet", "part-2.parquet", "part-3.parquet", *shown[2][5:]]


def test_variables_that_survived_are_listed(tmp_path: Path) -> None:
    files = {"guest_VARS.fd": "flash1-after.fd", "after.fd": "flash1-after.fd", "before.fd": "flash1-before.fd"}
    for name, file in (files | {"trace.log": "trace.log"}).items():
        packed = capture_path(f"aavmf-first-boot/{file}.zst")
        with packed.open("rb") as source, (tmp_path / name).open("wb") as target:
            shutil.copyfileobj(decompressed(source, compression_of(source.peek(8))), target)
    for command in commands(recipe("Did my UEFI variable survive?")):
        ended = run(command, tmp_path)
        assert (ended.code, ended.err) == (0, "tracetool: wrote vars.json\n" if "-o" in command else "")
    assert len(json.loads((tmp_path / "vars.json").read_text())["variables"]) == 17


def test_who_wrote_into_the_padding_is_told(aavmf: Path) -> None:
    """As the README and the recipes show it, but for the time."""
    needed_program("gcc", "gcc")
    padded(Path(AAVMF_CODE), aavmf / "code.fd", REGION)
    title = "Who wrote to 0x100000?"
    record, who = commands(block(recipe(title), "sh"))
    assert commands(section(title))[:2] == [record, who]
    stores = (b"mm 0x4100000 0x00400040 -w 4 -n", b"mm 0x4100000 0x00ff00ff -w 4 -n")
    run_to_the_shell([*COMMAND, *record[1:]], aavmf, typed=stores, code=1)
    ended = run(who, aavmf)
    assert (ended.code, ended.err) == (0, "")
    (row,) = ended.text.splitlines()[1:]
    assert re.search(r"program +0x100000 +4 B +done +Shell +Shell\+0x\w+ < .* < DxeCore", row)
    version = subprocess.run(["dpkg-query", "-W", "qemu-efi-aarch64"], capture_output=True, text=True, check=True)
    if "2022.11-6+deb12u2" in version.stdout:  # whose output the documents show
        for text in (recipe(title), section(title)):
            shown = re.findall(r"```text\n(.*?)```", text, re.DOTALL)[0].removesuffix("...\n").split()
            told = ended.text.split()[: len(shown)]
            time = shown.index("18585") + 1
            assert told[:time] + told[time + 1 :] == shown[:time] + shown[time + 1 :]


def test_who_put_a_byte_there_is_told(tmp_path: Path) -> None:
    for name, file in {"trace.log": "trace.log", "before.fd": "flash1-before.fd", "who.log": "who.log"}.items():
        unpack(f"aavmf-who/{file}.zst", tmp_path / name)
    text = recipe("Who put this byte there?")
    told = [run(command, tmp_path) for command in commands(block(text, "sh"))]
    assert [ended.code for ended in told] == [0, 0, 0]
    shown = [line.split() for line in block(text, "text").splitlines()[1:]]
    rows = [line.split() for line in told[0].text.splitlines()[1:]]
    assert [[*row[:6], *row[11:16]] for row in rows] == shown
    states = [
        {row[3] for row in (line.split() for line in ended.text.splitlines()) if row[0] == "0x01aa"}
        for ended in told[:2]
    ]
    assert states == [{"3c"}, {"3e"}]
    assert sum(int(line.split(",")[1]) for line in (tmp_path / "blame.csv").read_text().splitlines()[1:]) == 768 << 10


def test_the_next_boot_of_a_store_is_told(tmp_path: Path) -> None:
    unpack("powercut/sp-hello-rw-k10.fd.zst", tmp_path / "guest_VARS.fd")
    told = [run(command, tmp_path) for command in commands(block(recipe("Will this store boot?"), "sh"))]
    assert [ended.code for ended in told] == [1, 1]
    assert "aavmf-2025.02: formats this flash at its next boot" in told[0].text
    assert json.loads(told[1].text)["outcome"] == "reformatted"


def test_cuts_of_a_guest_are_told(tmp_path: Path) -> None:
    unpack("aavmf-first-boot/trace.log.zst", tmp_path / "trace.log")
    unpack("aavmf-first-boot/flash1-before.fd.zst", tmp_path / "before.fd")
    cuts = commands(block(recipe("What would a power cut have cost this guest?"), "sh"))
    told = [run(command, tmp_path) for command in cuts]
    assert [ended.code for ended in told] == [1, 1, 1, 1], [ended.err for ended in told]
    assert "erase in a rewrite of the live block" in told[0].text
    assert (tmp_path / "cut.fd").read_bytes()[: 1 << 18] == bytes(1 << 18)


@pytest.fixture
def boots(tmp_path: Path) -> Path:
    """A directory with two consecutive boots: logs, one log of both, run directories, and the flash before them."""
    for run_directory, name in ((FIRST_BOOT, "boot1.log"), (PADDING, "boot2.log")):
        unpack(f"{run_directory.name}/trace.log.zst", tmp_path / name)
    unpack("aavmf-first-boot/flash1-before.fd.zst", tmp_path / "before.fd")
    (tmp_path / "guest.log").write_bytes(b"".join((tmp_path / f"boot{each}.log").read_bytes() for each in (1, 2)))
    (tmp_path / "runs").mkdir()
    FIRST_BOOT.at(tmp_path / "runs" / "boot-0")
    PADDING.at(tmp_path / "runs" / "boot-1")
    return tmp_path


def unpack(capture: str, path: Path) -> None:
    with capture_path(capture).open("rb") as packed, path.open("wb") as file:
        shutil.copyfileobj(decompressed(packed, compression_of(packed.peek(8))), file)


def test_a_reclaim_is_forecast(boots: Path) -> None:
    told = [
        run(command, boots) for command in commands(block(recipe("When will the variable store be reclaimed?"), "sh"))
    ]
    assert [ended.code for ended in told] == [0, 0, 0], [ended.err for ended in told]
    assert all("in boot 1,115 from now" in ended.text for ended in told[:2])
    assert len((boots / "wear.csv").read_text().splitlines()) == 3


def test_two_builds_are_compared(boots: Path) -> None:
    for name, boot in (("before", "boot-0"), ("after", "boot-1")):
        (boots / name).symlink_to(boots / "runs" / boot)
    for name, number in (("old", 1), ("new", 2)):
        (boots / f"{name}.log").symlink_to(boots / f"boot{number}.log")
        (boots / f"{name}.fd").symlink_to(boots / "before.fd")
    told = [run(each, boots) for each in commands(block(recipe("What changed between two builds?"), "sh"))]
    assert [ended.code for ended in told] == [1, 1, 1, 1], [ended.err for ended in told]
    assert all("within-extent -> outside-extent" in ended.text for ended in told[:3])
    assert "0x100000" in (boots / "diff.html").read_text()


def test_a_trace_for_a_bug_report_has_the_finding(tmp_path: Path) -> None:
    unpack("aavmf-shell-padding/trace.log.zst", tmp_path / "trace.log")
    unpack("aavmf-shell-padding/flash1-before.fd.zst", tmp_path / "before.fd")
    told = [run(each, tmp_path) for each in commands(block(recipe("A trace for a bug report"), "sh"))]
    assert [ended.code for ended in told] == [0, 1, 0, 1], [ended.err for ended in told]
    assert all("EXT001" in told[number].text for number in (1, 3))


def test_a_guest_that_is_watched_is_ended_at_its_first_finding(aavmf: Path) -> None:
    padded(Path(AAVMF_CODE), aavmf / "code.fd", REGION)
    record = commands(recipe("Watch a guest while it runs"))[0]
    with subprocess.Popen(
        [*COMMAND, *record[1:]],
        cwd=aavmf,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        seen = b""
        while b"Shell> " not in seen and (more := process.stdout.read1()):  # type: ignore[attr-defined]
            seen += more
        process.stdin.write(b"mm 0x4100000 0x00400040 -w 4 -n\r")
        process.stdin.flush()
        stored = time.monotonic()
        out, said = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - stored < PATIENCE_S / 4
    assert process.returncode == 1
    assert b"OUTSIDE-EXTENT" in out
    lines = said.decode().splitlines()
    assert any("virt.flash1: program at 0x100000, 4 B" in line for line in lines)
    assert any("error EXT001 virt.flash1" in line for line in lines)
    assert "tracetool: a finding that fails: the guest is ended" in lines


def test_a_guest_is_watched_in_the_app(tmp_path: Path, terminal: Terminal) -> None:
    """The lines that show a log that grows, and a pipe from a QEMU, as they stand in the recipe."""
    needed_program("qemu-system-aarch64", "qemu-system-arm")
    text = recipe("Watch a guest while it runs")
    by_name, piped = (line for line in text.splitlines() if re.search(r"\btracetool view .*(guest\.log|-)$", line))
    with (ROOT / "samples" / PADDING.name / "trace.log.zst").open("rb") as packed:
        lines = decompressed(packed, compression_of(packed.peek(8))).readlines()
    log = tmp_path / "guest.log"
    log.write_bytes(b"".join(lines[:4000]))
    terminal.run(f"cd {shlex.quote(str(tmp_path))} && {by_name.replace('tracetool', PROGRAM)}", (150, 30))
    terminal.wait("4,000 events, following")
    with log.open("ab") as file:
        file.writelines(lines[4000:])
    terminal.wait("OUTSIDE-EXTENT", "4,383 events, following")
    terminal.send("q")
    terminal.wait("ended with 0", "keys are echoed")
    terminal.close()
    terminal.run(piped.replace("tracetool", PROGRAM), (150, 30))
    assert "virt.flash" in terminal.wait("standard input, ", "following")
    terminal.send("q")
    terminal.wait_until(lambda seen: "following" not in seen)


def test_a_boot_with_uefi_vars_is_put_beside_one_with_a_flash(boots: Path) -> None:
    (boots / "uefi-vars.log").write_text("".join(f"{line}\n" for line in UEFI_VARS_BOOT))
    told = [
        run(each, boots) for each in commands(block(recipe("What would the variables cost without a flash?"), "sh"))
    ]
    assert [ended.code for ended in told] == [0, 0, 0], [ended.err for ended in told]
    assert all("BootOrder" in ended.text for ended in told[:2])
    assert "uefi-vars" in told[2].text


def test_a_torn_save_of_u_boot_is_told(tmp_path: Path) -> None:
    with (
        case_path("uboot-saveenv-qemu-2343.log.zst").open("rb") as packed,
        (tmp_path / "u-boot.log").open("wb") as file,
    ):
        shutil.copyfileobj(decompressed(packed, compression_of(packed.peek(8))), file)
    with (tmp_path / "before.fd").open("wb") as image:
        image.truncate(REGION)
    for command in commands(block(recipe("What did `saveenv` change?"), "sh")):
        ended = run(command, tmp_path)
        assert (ended.code, "torn" in ended.text) == (0, True), ended.err


def test_a_qemu_with_the_rfc_patch_is_read(tmp_path: Path) -> None:
    """A stand-in for QEMU writes a trace that such a QEMU recorded."""
    record, audit = commands(block(recipe("A QEMU with the RFC patch"), "sh"))
    capture = capture_path("aavmf-rfc-v2/trace.log.zst")
    with capture.open("rb") as packed, (tmp_path / "recorded.log").open("wb") as plain:
        shutil.copyfileobj(decompressed(packed, compression_of(packed.peek(8))), plain)
    program = tmp_path / "qemu-system-aarch64"
    program.write_text(f"#!{sys.executable}\n{Path(fake_qemu.__file__).read_text()}")
    program.chmod(0o755)
    for name, size in (("code-2M.fd", 2 << 20), ("vars-768K.fd", 768 << 10)):
        (tmp_path / name).write_bytes(bytes(size))
    ended = run(record, tmp_path, FAKE_TRACE=str(tmp_path / "recorded.log"))
    assert (ended.code, "768 KiB (its pflash_realize event)" in ended.text) == (1, True), ended.err
    ended = run([*audit, "--format", "json"], tmp_path)
    document = json.loads(ended.out)
    assert [device["verdict"] for device in document["devices"]] == ["within-extent", "outside-extent"]


@pytest.mark.parametrize("title", re.findall(r"^## (.*)$", RECIPES.read_text(), re.MULTILINE))
def test_every_recipe_has_a_test(title: str) -> None:
    assert title in Path(__file__).read_text()
