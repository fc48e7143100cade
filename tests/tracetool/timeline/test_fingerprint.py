from __future__ import annotations

import pytest

import tracetool as tt
from tests.captures import capture_path
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tracetool.analysis.options import Options
from tracetool.audit import audit
from tracetool.ingest import open_trace as reader_of
from tracetool.library.trace import open as open_trace


def fingerprints(path: object, **options: object) -> dict[str, tuple[int, str]]:
    """Number of operations and fingerprint of each device."""
    trace = open_trace(str(path), **options)  # type: ignore[arg-type]
    return {d.name: (d.fingerprint.operations, d.fingerprint.of(d.name)) for d in trace.audit().devices}


@pytest.mark.slow
def test_boots_of_the_same_firmware_have_one_fingerprint_whatever_records_them() -> None:
    found = fingerprints(FIRST_BOOT)
    assert sum(operations for operations, _ in found.values()) == 1020
    for name in ("aavmf-first-boot/trace.simple.zst", "aavmf-who/trace.log.zst"):
        assert fingerprints(capture_path(name)) == found


@pytest.mark.slow
def test_other_operations_have_another() -> None:
    assert fingerprints(FIRST_BOOT)["virt.flash1"] != fingerprints(PADDING)["virt.flash1"]


@pytest.mark.parametrize("chunk_bytes", [700, 5000])
@pytest.mark.slow
def test_it_does_not_depend_on_the_chunk_size(chunk_bytes: int) -> None:
    (device,) = audit([reader_of(str(PADDING), chunk_bytes=chunk_bytes)], Options(device="virt.flash1")).devices
    whole = fingerprints(PADDING, device="virt.flash1")["virt.flash1"]
    assert (device.fingerprint.operations, device.fingerprint.of("virt.flash1")) == whole


@pytest.mark.slow
def test_it_counts_the_rows_of_the_timeline() -> None:
    rows = tt.open(PADDING).operations()["device"].value_counts().rows()
    assert {str(name): count for name, count in rows} == {
        name: operations for name, (operations, _) in fingerprints(PADDING).items()
    }
