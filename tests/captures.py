"""Paths of the recorded captures and cases, which are not part of the repository."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.requirements import lacking

ROOT = Path(__file__).resolve().parents[1]
CAPTURES = ROOT.parent / "shared" / "captures"
CASES = ROOT.parent / "shared" / "cases"
VARIABLE = "PFLASH_TRACETOOL_CAPTURES"
"""Environment variable: `none` where the captures are known to be missing, as in hosted CI."""


def capture_path(name: str) -> Path:
    """Path of a capture, such as `aavmf-reclaim/trace.log.zst`.

    The captures are too large for the repository and lie beside it. A checkout without them skips the tests that
    need them. Under `CI=true` that is a failure, unless `PFLASH_TRACETOOL_CAPTURES=none` says that there are none.
    """
    path = CAPTURES / name
    if not path.exists():
        _missing(path)
    return path


def case_path(name: str) -> Path:
    """Path of a trace from practice, such as `docker-json.log.zst`.

    Each once got a wrong answer; `NAME.md` beside it has the right one. A missing case is handled as a capture is.
    """
    path = CASES / name
    if not path.exists():
        _missing(path)
    return path


def image_facts(name: str) -> tuple[int, str]:
    """Length in bytes and SHA-256 of an unpacked image, from the manifest of the captures."""
    folder, file = name.split("/")
    entry = json.loads(capture_path("manifest.json").read_text())[folder][file]
    return entry["bytes"], entry["sha256"]


def sha256(data: memoryview | bytes) -> str:
    """SHA-256 of an image, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _missing(path: Path) -> NoReturn:
    reason = f"the recorded captures are not beside the project: no {path.relative_to(ROOT.parent)}"
    if os.environ.get(VARIABLE) == "none":
        pytest.skip(reason)
    lacking(reason)
