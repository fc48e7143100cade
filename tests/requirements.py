"""Programs, files and libraries that tests need: skip without them, fail under `CI=true`."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from replay.kernel_form import VARIABLE, is_compiled


def lacking(reason: str) -> NoReturn:
    """Skip the test, or fail it under `CI=true`, where everything must be tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def needed_kernels() -> None:
    """Skip the test where `PFLASH_TRACETOOL_KERNELS=plain`; otherwise the kernels have to be compiled."""
    if os.environ.get(VARIABLE) == "plain":
        pytest.skip("PFLASH_TRACETOOL_KERNELS=plain")
    if not is_compiled():
        lacking("the kernels are not compiled: apt-get install -y gcc python3-dev, then make")


def needed_program(name: str, package: str) -> str:
    """Path of a system program; `package` is the Debian package to install where it is missing."""
    found = shutil.which(name)
    if found is None:
        lacking(f"{name} is not installed: apt-get install -y {package}")
    return found


def needed_file(path: str, package: str) -> Path:
    """Path of a file of a system package; `package` is the Debian package to install where it is missing."""
    found = Path(path)
    if not found.exists():
        lacking(f"{path} is not installed: apt-get install -y {package}")
    return found


def needed_library(name: str, package: str) -> None:
    """Require a system library; `package` is the Debian package to install where it is missing."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        lacking(f"{error}: apt-get install -y {package}")
