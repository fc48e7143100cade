"""What to do when a test needs something that is not here."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from replay.form import VARIABLE, is_compiled


def lacking(reason: str) -> NoReturn:
    """Skip the test, and under `CI=true` fail it: there nothing goes untested unnoticed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def needed_kernels() -> None:
    """Skip the test where the kernels are plain because somebody asked for it; else they should have been compiled."""
    if os.environ.get(VARIABLE) == "plain":
        pytest.skip("the kernels run as plain Python, as was asked")
    if not is_compiled():
        lacking("the kernels are not compiled: apt-get install -y gcc python3-dev, then make")


def needed_program(name: str, package: str) -> str:
    """Give the path of a system program, and how to get it where it is missing."""
    found = shutil.which(name)
    if found is None:
        lacking(f"{name} is not installed: apt-get install -y {package}")
    return found


def needed_file(path: str, package: str) -> Path:
    """Give a file that a system package brings, and how to get it where it is missing."""
    found = Path(path)
    if not found.exists():
        lacking(f"{path} is not installed: apt-get install -y {package}")
    return found


def needed_library(name: str, package: str) -> None:
    """Go on only where a system library is installed, and say how to get it."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        lacking(f"{error}: apt-get install -y {package}")
