from __future__ import annotations

import pytest

from tests.requirements import needed_file
from tracetool.uefi.firmware_version import named_version


@pytest.mark.parametrize(
    ("image", "version"),
    [
        (b"\0/build/edk2-2022.11/Build/x.dll\0", "2022.11"),
        (b"/src/edk2-stable202502/Build/x.dll", "202502"),
        (b"/edk2-2025.02-8+deb13u1/A/ /edk2-2022.11/B/ /edk2-2025.02-8+deb13u1/C/", "2025.02-8+deb13u1"),
        (b"/home/me/edk2/Build/x.dll /edk2-master/Build/", None),
        (b"", None),
    ],
)
def test_the_release_is_in_the_paths_of_the_build(image: bytes, version: str | None) -> None:
    assert named_version(image) == version


def test_an_installed_aavmf_names_its_release() -> None:
    code = needed_file("/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64")
    version = named_version(code.read_bytes())
    assert version is not None
    assert version.startswith("20")
