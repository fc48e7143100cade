"""Disk images and other files given as flash contents: recognised by magic numbers, disk images converted to raw.

Disk image formats keep the contents behind tables of their own; qemu-img (a program of QEMU's) makes them raw.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.errors import InputError, MissingDependencyError
from tracetool.ingest.formats import ctf, parquet, simple
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["HEAD_BYTES", "TAIL_BYTES", "Container", "convert", "recognise", "require_flash"]

HEAD_BYTES = 0x8006
"""First bytes of a file by which it is recognised: up to the mark of an ISO 9660 image."""

TAIL_BYTES = 512
"""Last bytes likewise: the footer of VHD and of Apple's disk images."""

_SECONDS = 120
"""Timeout of qemu-img: flashes are small."""


@dataclass(frozen=True)
class Container:
    """A disk image format: its name, and qemu-img's name of it (None: another program unpacks it)."""

    name: str
    driver: str | None = None
    command: str = "qemu-img convert -f {driver} -O raw {file} raw.fd"

    def remedy(self, file: object) -> str:
        """The command line that makes a file of this format raw."""
        return self.command.format(driver=self.driver, file=file)


_LUKS = "qemu-img convert --object secret,id=key,file=KEYFILE --image-opts driver=luks,key-secret=key,file.filename="
_VMDK = Container("VMDK", "vmdk")
_VHD = Container("VHD", "vpc")
_PARALLELS = Container("Parallels", "parallels")

# Ref: QEMU's docs/interop/qcow2.txt ("Header") and qed_spec.txt; VMware's Virtual Disk Format 5.0 ("The Text
# Descriptor", "SparseExtentHeader"); VirtualBox's VDICore.h (signature at 0x40); Microsoft's Virtual Hard Disk Image
# Format Specification ("Hard Disk Footer Format") and [MS-VHDX] 2.2.1; QEMU's docs/interop/parallels.txt; LUKS1
# On-Disk Format 1.2.3, 2.1; Bochs' disk images; AOSP's libsparse/sparse_format.h.
_AT_HEAD: tuple[tuple[int, bytes, Container], ...] = (
    (0, b"QFI\xfb\0\0\0\x01", Container("qcow", "qcow")),
    (0, b"QFI\xfb", Container("qcow2", "qcow2")),
    (0, b"QED\0", Container("QED", "qed")),
    (0, b"KDMV", _VMDK),
    (0, b"COWD", _VMDK),
    (0, b"# Disk DescriptorFile", _VMDK),
    (0x40, b"\x7f\x10\xda\xbe", Container("VDI", "vdi")),
    (0, b"conectix", _VHD),
    (0, b"vhdxfile", Container("VHDX", "vhdx")),
    (0, b"WithoutFreeSpace", _PARALLELS),
    (0, b"WithouFreSpacExt", _PARALLELS),
    (0, b"LUKS\xba\xbe", Container("LUKS (encrypted)", None, _LUKS + "{file} -O raw raw.fd")),
    (0, b"Bochs Virtual HD Image", Container("Bochs", "bochs")),
    (0, b"\x3a\xff\x26\xed", Container("Android sparse", None, "simg2img {file} raw.fd")),
)

# VHD of fixed size is raw but for its footer; an Apple disk image is found by its own.
_AT_TAIL: tuple[tuple[bytes, Container], ...] = (
    (b"conectix", _VHD),
    (b"koly", Container("Apple disk image (dmg)", "dmg")),
)

# Ref: System V ABI, "ELF Header"; ECMA-119, 8.1 (sector 16); APPNOTE.TXT 4.3.7; bzip2 1.0's format; LZ4 Frame Format.
_NO_FLASH: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x7fELF", "an ELF program; objcopy -O binary makes contents of it"),
    (0x8001, b"CD001", "an ISO 9660 image (a CD)"),
    (0, b"PK\x03\x04", "a zip archive; unpack it"),
    (0, b"BZh", "packed with bzip2; unpack it"),
    (0, b"\x04\x22\x4d\x18", "packed with lz4; unpack it"),
    (0, parquet.MAGIC, "a Parquet table"),
    *((0, magic, "a trace of QEMU's simple backend") for magic in simple.MAGICS),
    *((0, magic, "a stream of a CTF trace") for magic in ctf.STREAM_MAGICS),
)
_OF_A_LOG = b"pflash_"


def recognise(head: bytes, tail: bytes = b"") -> Container | None:
    """Tell the disk image format of a file.

    Args:
        head: its first `HEAD_BYTES`, or all of them.
        tail: its last `TAIL_BYTES`; left out, only what QEMU finds without being told is.
    """
    found = next((container for at, magic, container in _AT_HEAD if head[at : at + len(magic)] == magic), None)
    return found or next((container for magic, container in _AT_TAIL if tail.startswith(magic)), None)


def require_flash(path: object, head: bytes, length: int) -> None:
    """Refuse what is certainly no flash's contents, by its first `HEAD_BYTES` and its length.

    A guest can write anything to its flash: a length that flashes have, a power of two, speaks for contents.

    Raises:
        InputError: it is something else; says what.
    """
    if not length & (length - 1):
        return
    what = next((what for at, magic, what in _NO_FLASH if head[at : at + len(magic)] == magic), None)
    if what is None and ctf.is_tar(head):
        what = "a tar archive; unpack it"
    if what is None and _OF_A_LOG in head and b"\0" not in head:
        what = "a log with a trace"
    if what is not None:
        raise InputError(f"{path}: is no flash image but {what}; give the flash's backing file")


# --- conversion --------------------------------------------------------------------------------------------------


def convert(
    source: Path,
    container: Container,
    target: Path,
    *,
    limit: int | None = None,
    trusted: bool = False,
    name: Path | None = None,
) -> None:
    """Make a disk image raw with qemu-img.

    Args:
        source: the image: a file, which is only read.
        container: its format.
        target: the raw file, sparse; written over.
        limit: the longest contents that can be meant, in bytes.
        trusted: QEMU is given the image by the same person, so it may lie over other files.
        name: what the user calls the image, if not `source`.

    Raises:
        MissingDependencyError: there is no qemu-img here.
        InputError: it is damaged, encrypted, over other files, or its contents are longer than `limit`.
        OSError: it cannot be read.
    """
    name = name or source
    what, remedy = f"{name}: is no raw image but {container.name}", container.remedy(name)
    if container.driver is None:
        raise InputError(f"{what}; make it raw: {remedy}")
    program = shutil.which("qemu-img")
    if program is None:
        raise MissingDependencyError(
            f"{what}, and there is no qemu-img here; on Debian: apt-get install -y qemu-utils; or elsewhere: {remedy}"
        )
    other = None if trusted else _lies_over(source, container.driver)
    if other is not None:
        raise InputError(f"{what} {other}, which is not followed; make it raw, if you trust it: {remedy}")
    try:
        if limit is not None:
            length = json.loads(_run([program, "info", "--output=json"], container.driver, source))["virtual-size"]
            if length > limit:
                raise InputError(
                    f"{what} of {format_size(length)}, beyond the limit of {format_size(limit)}: "
                    "is it this flash's image?"
                )
        _run([program, "convert", "-O", "raw"], container.driver, source, str(target.absolute()))
    except subprocess.CalledProcessError as error:
        raise InputError(f"{what}, and cannot be converted: {' '.join(error.stderr.split())}") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{what}, and qemu-img did not convert it in {_SECONDS} s; make it raw: {remedy}") from error


def _run(command: list[str], driver: str, source: Path, *rest: str) -> str:
    """Run qemu-img on an image of a known format, which a QEMU may have open; what it prints."""
    # A path that begins with a slash is never taken for a protocol's name.
    line = [*command, "-U", "-f", driver, str(source.absolute()), *rest]
    done = subprocess.run(  # noqa: S603
        line,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
    )
    return done.stdout


_HEADER_BYTES = 1 << 9
_QCOW_BACKING = struct.Struct(">8xQ")
_QCOW2_FEATURES = struct.Struct(">4xI64xQ")
_QCOW2_WITH_FEATURES = 3
_QCOW2_EXTERNAL_DATA = 1 << 2
_QED_FEATURES = struct.Struct("<16xQ")
_QED_BACKING = 1 << 0
_VMDK_HEADER = struct.Struct("<4xIIQQQQ")
_VMDK_SECTOR, _VMDK_MAX_SECTOR, _VMDK_MAX_DESCRIPTOR = 512, 1 << 40, 1 << 16
_VHD_TYPE = struct.Struct(">60xI")
_VHD_DIFFERENCING = 4


def _lies_over(source: Path, driver: str) -> str | None:
    """Other files that hold a part of the image's contents, in words; None if there are none.

    An image can name any file of this machine, so one that comes from elsewhere must not have them read.
    Ref: the formats' specifications, as above.
    """
    with source.open("rb") as file:
        head = file.read(_HEADER_BYTES).ljust(_HEADER_BYTES, b"\0")
        if driver == "vmdk" and not head.startswith(b"COWD"):
            return _vmdk_lies_over(file, head)
    if driver in ("qcow", "qcow2") and _QCOW_BACKING.unpack_from(head)[0]:
        return "over a backing file"
    features = _QCOW2_FEATURES.unpack_from(head)
    if driver == "qcow2" and features[0] >= _QCOW2_WITH_FEATURES and features[1] & _QCOW2_EXTERNAL_DATA:
        return "with its data in another file"
    if driver == "qed" and _QED_FEATURES.unpack_from(head)[0] & _QED_BACKING:
        return "over a backing file"
    if driver == "vpc" and _VHD_TYPE.unpack_from(head)[0] == _VHD_DIFFERENCING:
        return "over a parent"
    return None


def _vmdk_lies_over(file: BinaryIO, head: bytes) -> str | None:
    """The same for VMDK: a header with a capacity means data in this file, otherwise a descriptor names others."""
    _, _, capacity, _, start, length = _VMDK_HEADER.unpack_from(head)
    if not head.startswith(b"KDMV") or not capacity:
        return "with its data in another file"
    file.seek(min(start, _VMDK_MAX_SECTOR) * _VMDK_SECTOR)
    descriptor = file.read(min(length * _VMDK_SECTOR, _VMDK_MAX_DESCRIPTOR))
    return "over a parent" if b"parentFileNameHint" in descriptor else None
