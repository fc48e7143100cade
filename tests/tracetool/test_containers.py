from __future__ import annotations

import gzip
import lzma
import struct
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.captures import capture_path, case_path
from tests.requirements import needed_program
from tests.tracetool.cli.program import PADDING
from tracetool.compression import zstd
from tracetool.containers import Container, convert, recognise
from tracetool.errors import InputError, MissingDependencyError
from tracetool.images import is_raw, load_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

MIB = 1 << 20
DRIVERS = ("qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels")
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstd.compress}


def contents() -> bytes:
    """Give a flash's bytes: a little of anything in a blank one."""
    image = np.full(MIB, 0xFF, dtype=np.uint8)
    image[: 64 << 10] = np.random.default_rng(1).integers(0, 256, 64 << 10, dtype=np.uint8)
    return image.tobytes()


def qemu_img(*arguments: str | Path) -> None:
    """Run qemu-img, or skip the test."""
    program = needed_program("qemu-img", "qemu-utils")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)


def container(folder: Path, driver: str, *options: str) -> Path:
    """Give the contents in a file of this format."""
    raw, image = folder / "contents", folder / f"image.{driver}"
    raw.write_bytes(contents())
    qemu_img("convert", "-f", "raw", "-O", driver, *options, raw, image)
    return image


# --- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_disk_image_is_read_as_what_the_guest_sees(driver: str, tmp_path: Path) -> None:
    image = container(tmp_path, driver)
    assert not is_raw(image)
    assert load_image(image, limit=64 * MIB)[:MIB].tobytes() == contents()


@pytest.mark.parametrize("options", [("-o", "subformat=fixed"), ("-o", "subformat=fixed,force_size=on")])
def test_a_vhd_is_told_by_its_footer(options: tuple[str, str], tmp_path: Path) -> None:
    image = container(tmp_path, "vpc", *options)
    assert image.read_bytes()[:MIB] == contents()
    assert load_image(image, limit=2 * MIB)[:MIB].tobytes() == contents()
    (tmp_path / "packed").write_bytes(gzip.compress(image.read_bytes()))
    assert load_image(tmp_path / "packed", limit=2 * MIB).tobytes() == load_image(image, limit=2 * MIB).tobytes()


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("driver", ["qcow2", "vdi"])
def test_a_disk_image_may_be_packed(driver: str, packer: str, tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(PACKERS[packer](container(tmp_path, driver).read_bytes()))
    assert load_image(tmp_path / "packed", limit=MIB).tobytes() == contents()


def test_a_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    container(tmp_path, "qcow2").rename(tmp_path / "nbd:unix:x")
    monkeypatch.chdir(tmp_path)
    assert load_image(type(tmp_path)("nbd:unix:x"), limit=MIB).tobytes() == contents()


def test_contents_beyond_the_limit_are_refused_before_they_are_made(tmp_path: Path) -> None:
    qemu_img("create", "-f", "qcow2", tmp_path / "large", "1T")
    with pytest.raises(InputError, match="large: is no raw image but qcow2 of 1 TiB, beyond the limit of 64 MiB"):
        load_image(tmp_path / "large", limit=64 * MIB)


def test_a_damaged_disk_image_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"QFI\xfb\0\0\0\x03" + b"\xff" * 600)
    with pytest.raises(InputError, match=r"image: is no raw image but qcow2") as caught:
        load_image(tmp_path / "image", limit=MIB)
    assert "\n" not in str(caught.value)


def test_without_qemu_img_the_command_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = container(tmp_path, "vmdk")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=f"qemu-img convert -f vmdk -O raw {image} raw.fd"):
        load_image(image, limit=MIB)


# --- what is refused ---------------------------------------------------------------------------------------------


def _backed(folder: Path, driver: str) -> None:
    qemu_img("create", "-f", driver, "-b", folder / "secret", "-F", "raw", folder / "image")


def _external(folder: Path) -> None:
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={folder / 'secret'},data_file_raw=on", folder / "image", "1M")


def _described(folder: Path) -> None:
    lines = ("# Disk DescriptorFile", "version=1", "CID=1", "parentCID=ffffffff", 'createType="monolithicFlat"')
    extent = f'RW 2048 FLAT "{folder / "secret"}" 0'
    (folder / "image").write_text("\n".join([*lines, extent, ""]))


def _differencing(folder: Path) -> None:
    qemu_img("create", "-f", "vpc", folder / "image", "1M")
    head = bytearray((folder / "image").read_bytes())
    struct.pack_into(">I", head, 60, 4)
    (folder / "image").write_bytes(head)


@pytest.mark.parametrize(
    "make",
    [
        *(lambda folder, driver=driver: _backed(folder, driver) for driver in ("qcow2", "qcow", "qed")),
        lambda folder: _backed(folder, "vmdk"),
        _external,
        _described,
        _differencing,
    ],
)
def test_files_that_an_image_names_are_not_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(contents())
    try:
        make(tmp_path)
    except subprocess.CalledProcessError:  # a VMDK lies over no other format
        qemu_img("convert", "-O", "vmdk", tmp_path / "secret", tmp_path / "below")
        qemu_img("create", "-f", "vmdk", "-b", tmp_path / "below", "-F", "vmdk", tmp_path / "image")
    with pytest.raises(InputError, match="which is not followed; make it raw, if you trust it: qemu-img convert"):
        load_image(tmp_path / "image", limit=MIB)


def test_a_recorded_guests_own_image_may_lie_over_another(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(contents())
    _backed(tmp_path, "qcow2")
    convert(tmp_path / "image", Container("qcow2", "qcow2"), tmp_path / "raw", trusted=True)
    assert (tmp_path / "raw").read_bytes() == contents()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"LUKS\xba\xbe\0\x01", "driver=luks,key-secret=key,file.filename="),
        (b"\x3a\xff\x26\xed\1\0\0\0", "simg2img "),
    ],
)
def test_what_qemu_img_does_not_unpack_alone_is_refused_with_a_command(head: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(head + bytes(4096))
    with pytest.raises(InputError, match=f"image: is no raw image but .*{words}"):
        load_image(tmp_path / "image", limit=MIB)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x7fELF\2\1\1", "an ELF program"),
        (bytes(0x8001) + b"CD001", "an ISO 9660 image"),
        (b"PK\x03\x04", "a zip archive"),
        (bytes(257) + b"ustar", "a tar archive"),
        (b"7@1.5:pflash_reset virt.flash1: reset\n" * 9, "a log with a trace"),
        (struct.pack("<QQ", 0xFFFF_FFFF_FFFF_FFFF, 0xF2B1_77CB_0AA4_29B4), "a trace of QEMU's simple backend"),
    ],
)
@pytest.mark.parametrize("packer", [bytes, gzip.compress])
def test_what_is_certainly_no_flash_is_named(
    head: bytes, words: str, packer: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    text = b"pflash" in head
    (tmp_path / "image").write_bytes(packer(head if text else head + bytes(3000)))
    with pytest.raises(InputError, match=f"image: is no flash image but {words}"):
        load_image(tmp_path / "image", limit=MIB)


# --- what stays raw ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"",
        bytes(16) + b"\x8d\x2b\xf1\xff\x96\x76\x8b\x4c" + bytes(16) + b"_FVH",
        b"\xff" * 64,
        b"\x7fELF",
        bytes(0x8001) + b"CD001",
        b"UBI#\1",
        b"\x27\x05\x19\x56",
        b"QFI\xfa",
        b"#!/bin/sh pflash_reset\n",
    ],
)
def test_a_flash_may_begin_with_anything_else(head: bytes, tmp_path: Path) -> None:
    image = head + bytes(MIB - len(head))
    (tmp_path / "flash").write_bytes(image)
    assert recognise(image[:0x9000], image[-512:]) is None
    assert load_image(tmp_path / "flash", limit=MIB).tobytes() == image


def test_what_was_recorded_is_raw_whatever_the_guest_wrote(tmp_path: Path) -> None:
    (tmp_path / "after").mkdir()
    (tmp_path / "run.json").write_text("{}")
    image = b"QFI\xfb\0\0\0\3" + bytes(4088)
    (tmp_path / "after" / "virt.flash1.fd").write_bytes(image)
    assert load_image(tmp_path / "after" / "virt.flash1.fd", limit=MIB).tobytes() == image


# --- the answer --------------------------------------------------------------------------------------------------


def test_a_qcow2_image_does_not_make_a_verdict_green(quick: Quick) -> None:
    image = case_path("qcow2-image-as-raw.qcow2.zst")
    needed_program("qemu-img", "qemu-utils")
    ended = quick("audit", case_path("qcow2-image-as-raw.log.zst"), "--image", f"virt.flash1={image}")
    assert (ended.code, ended.text.split(":")[0]) == (1, "OUTSIDE-EXTENT"), ended.err
    assert "beyond the extent of 768 KiB" in ended.text


@pytest.mark.slow
def test_the_answer_is_the_raw_images_for_another_format(quick: Quick, tmp_path: Path) -> None:
    before = load_image(capture_path("aavmf-shell-padding/flash1-before.fd.zst"), limit=64 * MIB)
    (tmp_path / "raw.fd").write_bytes(before.tobytes())
    qemu_img("convert", "-f", "raw", "-O", "vdi", tmp_path / "raw.fd", tmp_path / "vars.vdi")
    one = quick("audit", PADDING, "--image", f"virt.flash1={tmp_path / 'vars.vdi'}")
    assert one == quick("audit", PADDING, "--image", f"virt.flash1={tmp_path / 'raw.fd'}")
    assert one.code == 1


@pytest.mark.slow
def test_verify_reads_the_image_after_in_any_format(quick: Quick, tmp_path: Path) -> None:
    folder = PADDING.parent.parent / "aavmf-first-boot"
    raw = load_image(folder / "flash1-after.fd.zst", limit=64 * MIB)
    (tmp_path / "raw.fd").write_bytes(raw.tobytes())
    qemu_img("convert", "-f", "raw", "-O", "qcow2", tmp_path / "raw.fd", tmp_path / "after.qcow2")
    images = ("--image", folder / "flash1-before.fd.zst", "--after", tmp_path / "after.qcow2")
    ended = quick("verify", folder / "trace.log.zst", *images)
    assert ended.code == 0, ended.text
