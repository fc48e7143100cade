from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.errors import UsageError
from tracetool.qemu.option_syntax import doubled
from tracetool.recording.arguments import CommandLine, FlashDrive, read_command_line
from tracetool.recording.blocks import BlockImage
from tracetool.recording.images import Part


def line(text: str) -> CommandLine:
    return read_command_line(shlex.split(text))


def images(text: str) -> list[tuple[int, str, str | None, bool]]:
    """Unit, path, format and read-only of each flash."""
    return [(flash.unit, *_facts(flash.image)) for flash in line(text).flashes]


def _facts(image: BlockImage) -> tuple[str, str | None, bool]:
    return image.path, image.format, image.read_only


FILE = "-blockdev driver=file,node-name=f,filename=/a.fd,read-only=on"
LIBVIRT = """
-blockdev '{"driver":"file","filename":"/usr/share/AAVMF/AAVMF_CODE.fd","node-name":"libvirt-pflash0-storage",
            "auto-read-only":true,"discard":"unmap"}'
-blockdev '{"node-name":"libvirt-pflash0-format","read-only":true,"driver":"raw","file":"libvirt-pflash0-storage"}'
-blockdev '{"driver":"file","filename":"/var/lib/libvirt/qemu/nvram/my guest,1_VARS.fd",
            "node-name":"libvirt-pflash1-storage","auto-read-only":true,"discard":"unmap"}'
-blockdev '{"node-name":"libvirt-pflash1-format","read-only":false,"driver":"qcow2","file":"libvirt-pflash1-storage"}'
-machine virt-7.2,accel=kvm,usb=off,pflash0=libvirt-pflash0-format,pflash1=libvirt-pflash1-format,acpi=on
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-drive if=pflash,file=a.fd", [(0, "a.fd", None, False)]),
        ("-drive if=pflash,format=raw,readonly=on,file=a.fd", [(0, "a.fd", "raw", True)]),
        ("-drive if=pflash,format=raw,read-only=on,file=a.fd", [(0, "a.fd", "raw", True)]),
        ("--drive if=pflash,readonly,file=a.fd", [(0, "a.fd", None, True)]),
        ("-drive 'if=pflash,file=my vars,,1.fd,format=raw'", [(0, "my vars,1.fd", "raw", False)]),
        ("-drive if=pflash,file=file:a.fd", [(0, "a.fd", None, False)]),
        ("-drive if=pflash,file=./nbd:a.fd", [(0, "./nbd:a.fd", None, False)]),
        ("-drive if=pflash,file.filename=a.fd,format=qcow2", [(0, "a.fd", "qcow2", False)]),
        ("-drive if=pflash,driver=raw,file.driver=file,file.filename=a.fd", [(0, "a.fd", "raw", False)]),
        (
            """-drive 'if=pflash,file=json:{"driver":"qcow2",,"file":{"driver":"file",,"filename":"a,,b.fd"}}'""",
            [(0, "a,b.fd", "qcow2", False)],
        ),
        ("-drive if=pflash,file=a -drive if=pflash,file=b", [(0, "a", None, False), (1, "b", None, False)]),
        (
            "-drive if=pflash,unit=1,file=b -drive if=pflash,file=a",
            [(0, "a", None, False), (1, "b", None, False)],
        ),
        ("-drive if=pflash,index=1,file=b", [(1, "b", None, False)]),
        ("-pflash a -drive if=pflash,file=b", [(0, "a", None, False), (1, "b", None, False)]),
        ("-pflash a,b", [(0, "a,b", None, False)]),
        ("-drive if=none,id=x,file=a,format=raw -M virt -machine pflash1=x", [(1, "a", "raw", False)]),
        (
            "-drive if=none,id=x,file=a,format=raw -global driver=cfi.pflash02,property=drive,value=x",
            [(0, "a", "raw", False)],
        ),
        (
            "-global cfi.pflash02.num-blocks0=8 -global cfi.pflash02.drive=x -drive if=none,id=x,file=a,readonly=on",
            [(0, "a", None, True)],
        ),
        (f"{FILE} -global cfi.pflash02.drive=f", [(0, "/a.fd", "raw", True)]),
        ("-drive if=virtio,file=disk.img -drive if=pflash,file=a", [(0, "a", None, False)]),
        (f"{FILE} -machine pflash0=f", [(0, "/a.fd", "raw", True)]),
        (
            "-blockdev driver=qcow2,node-name=q,file.driver=file,file.filename=/a.fd -M q35,pflash0=q",
            [(0, "/a.fd", "qcow2", False)],
        ),
        (
            (
                "-blockdev driver=raw,node-name=r,file=q,read-only=on "
                "-blockdev driver=qcow2,node-name=q,file.driver=file,file.filename=/a.fd -M q35,pflash0=r"
            ),
            [(0, "/a.fd", "qcow2", True)],
        ),
        (
            "-blockdev driver=raw,node-name=r,file.driver=file,file.node-name=s,file.filename=/a -M virt,pflash0=s",
            [(0, "/a", "raw", False)],
        ),
        (
            LIBVIRT,
            [
                (0, "/usr/share/AAVMF/AAVMF_CODE.fd", "raw", True),
                (1, "/var/lib/libvirt/qemu/nvram/my guest,1_VARS.fd", "qcow2", False),
            ],
        ),
    ],
)
def test_a_flash_image_is_found(text: str, expected: list[tuple[int, str, str | None, bool]]) -> None:
    assert images(text) == expected


# No argument of a program holds a NUL.
@given(
    st.text(st.characters(exclude_characters="\0"), min_size=1).filter(lambda text: ":" not in text.partition("/")[0])
)
def test_any_path_is_found_in_every_way_to_write_it(path: str) -> None:
    node = {"driver": "raw", "node-name": "n", "file": {"driver": "file", "filename": path}}
    inner = json.dumps({"driver": "raw", "file": node["file"]})
    for arguments in (
        ["-drive", f"if=pflash,format=raw,file={doubled(path)}"],
        ["-drive", f"if=pflash,format=raw,file.filename={doubled(path)}"],
        ["-drive", f"if=pflash,file={doubled('json:' + inner)}"],
        ["-blockdev", json.dumps(node), "-machine", "virt,pflash0=n"],
        ["-blockdev", f"driver=raw,node-name=n,file.driver=file,file.filename={doubled(path)}", "-M", "pflash0=n"],
    ):
        assert read_command_line(arguments).flashes == (
            FlashDrive(0, BlockImage(path, "raw", read_only=False, snapshot=False)),
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-M virt", "no flash image in QEMU's arguments; give it as -drive if=pflash"),
        ("-bios b.fd -M q35", "-bios b.fd: it loads firmware into plain memory, not flash"),
        ("-bios b.fd -M virt-7.2", "-bios b.fd: an Arm or MIPS machine loads it into the first flash, which is traced"),
        ("-M malta,firmware=b.fd", "-bios b.fd: an Arm or MIPS machine loads it into the first flash"),
        ("-drive if=pflash,file=nbd://h/x", "nbd: is a protocol"),
        ("-drive if=pflash,file=", "the file has no name"),
        ("-drive if=pflash,format=vmdk,file=a", "format vmdk is not known"),
        ("-drive if=pflash,format=qcow2,offset=4096,file=a", "offset=4096: is for format=raw"),
        ("-drive if=pflash,size=4096,file=a", "size=4096: is for format=raw"),
        ("-drive if=pflash,format=raw,size=x,file=a", "'x' is not a size"),
        ("-drive if=pflash,file.driver=nbd,file.host=h", "file.driver=nbd is not known"),
        ("-drive if=pflash,file.driver=qcow2,file.file.filename=a", "a format over a format"),
        ("-drive if=pflash,file=/dev/fdset/1", "is a file descriptor inside QEMU"),
        ("-drive if=pflash,readonly=perhaps,file=a", "readonly=perhaps is neither on nor off"),
        ("-drive if=pflash,unit=x,file=a", "unit 'x' is not a number"),
        ("-drive if=pflash,bus=1,file=a", "bus=1: flash has only one bus"),
        ("-drive if=pflash,unit=1,file=a -drive if=pflash,index=1,file=b", "two flash images for unit 1: a and b"),
        ("-drive 'if=pflash,file=json:{'", "is not JSON"),
        ("""-drive 'if=pflash,format=raw,file=json:{"driver":"qcow2"}'""", "format=raw contradicts the driver qcow2"),
        ("-blockdev '{'", "-blockdev {: is not JSON"),
        ("-drive if=pflash", "file.filename is not given"),
        ("-machine virt,pflash0=n", "-machine pflash0=n: no -blockdev and no -drive has the name 'n'"),
        (f"{FILE} -blockdev driver=raw,node-name=n,file=m -M virt,pflash0=n", "no -blockdev has this node-name"),
        ("-blockdev driver=raw,node-name=n,file=n -M virt,pflash0=n", "too deeply"),
        ("-blockdev node-name=n,filename=a -M virt,pflash0=n", "driver is not given"),
        ("-blockdev driver=throttle,node-name=n,file.driver=file -M virt,pflash0=n", "driver=throttle is not known"),
        (
            (
                "-blockdev driver=qcow2,node-name=n,file.driver=qcow2,file.file.driver=file,file.file.filename=a "
                "-M virt,pflash0=n"
            ),
            "qcow2 over qcow2",
        ),
        ("-D log -drive if=pflash,file=a", "-D log: the log holds the trace"),
        ("-trace pflash*,file=x -drive if=pflash,file=a", "leave file= out"),
        ("-readconfig x -drive if=pflash,file=a", "-readconfig: flash images are not looked for"),
        ("-daemonize -drive if=pflash,file=a", "-daemonize: the recorder waits"),
        ("-drive", "-drive has no value"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_reason(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        line(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_machine_and_what_its_user_logs_are_kept() -> None:
    found = line("-machine accel=tcg -M virt-7.2 -d guest_errors -trace 'usb*' -msg timestamp=on -snapshot -pflash a")
    assert (found.machine, found.timestamps) == ("virt-7.2", True)
    *own, snapshot = found.notes
    assert own == [
        "-d guest_errors: its log goes into the trace's file",
        "-trace: your own events go into the trace's file",
    ]
    assert snapshot.startswith("-snapshot: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-pflash a", [False]),
        ("-snapshot -pflash a -drive if=pflash,file=b,snapshot=off", [True, False]),
        ("-drive if=pflash,file=a,snapshot=on -drive if=pflash,file=b", [True, False]),
        ("--snapshot -drive if=none,id=x,file=a -M virt,pflash1=x", [True]),
        (f"-snapshot {FILE.replace(',read-only=on', '')} -machine pflash0=f", [False]),
    ],
)
def test_a_drive_whose_writes_qemu_throws_away_is_noted(text: str, expected: list[bool]) -> None:
    """Nodes of -blockdev are written to whatever -snapshot says: it is for drives."""
    found = line(text)
    assert [flash.image.snapshot for flash in found.flashes] == expected
    assert len(found.notes) == sum(expected)
    assert all("QEMU discards the guest's writes to " in note for note in found.notes)


def test_firmware_for_another_mode_of_the_processor_goes_beside_flash() -> None:
    assert images("-M virt -bios opensbi.bin -drive if=pflash,file=a") == [(0, "a", None, False)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("-drive if=pflash,format=raw,size=540672,file=/dev/pve/vm-100-disk-0", Part(0, 540672)),
        ("-drive if=pflash,format=raw,offset=0x1000,size=528K,file=a", Part(0x1000, 540672)),
        ("-blockdev driver=raw,node-name=r,size=64K,file.driver=file,file.filename=a -M q35,pflash0=r", Part(0, 65536)),
        (
            (
                "-blockdev driver=raw,node-name=s,offset=512,file.driver=file,file.filename=a "
                "-blockdev driver=raw,node-name=r,file=s -M q35,pflash0=r"
            ),
            Part(512, None),
        ),
    ],
)
def test_a_part_of_a_raw_file_is_a_flash(text: str, part: Part) -> None:
    (flash,) = read_command_line(shlex.split(text)).flashes
    assert flash.image.part == part


def test_parts_of_parts_are_refused() -> None:
    inner = "-blockdev driver=raw,node-name=s,offset=512,file.driver=file,file.filename=a"
    with pytest.raises(UsageError, match="over a part of a file"):
        read_command_line(shlex.split(f"{inner} -blockdev driver=raw,node-name=r,size=1K,file=s -M q35,pflash0=r"))


def test_firmware_that_lies_in_the_first_flash_is_noted() -> None:
    text = "-M virt -bios u-boot.bin -drive if=pflash,index=1,format=raw,file=env.fd"
    (note,) = read_command_line(shlex.split(text)).notes
    assert note.startswith("-bios u-boot.bin: an Arm or MIPS machine loads it into the first flash, which is traced")


CANON = "-M canon-a1100 -bios rom.bin"


def test_a_rom_image_over_the_flash_is_noted() -> None:
    text = f"{CANON} -drive if=none,id=x,format=raw,file=flash.fd -global driver=cfi.pflash02,property=drive,value=x"
    (note,) = read_command_line(shlex.split(text)).notes
    assert note.startswith("-bios rom.bin: the board copies it over its flash at each reset, and not into its image")


def test_a_board_whose_flash_has_no_image_names_the_options_that_give_it_one() -> None:
    with pytest.raises(
        UsageError, match="copies it over its flash at each reset, which has no image file; give"
    ) as told:
        read_command_line(shlex.split(CANON))
    assert "-global driver=cfi.pflash02,property=drive,value=flash" in str(told.value)


def test_a_drive_of_all_flash_devices_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"-global cfi.pflash02.drive=x: no -blockdev and no -drive has the name 'x'"):
        read_command_line(shlex.split("-M canon-a1100 -bios a -global cfi.pflash02.drive=x"))
