"""`tracetool variables` of an image alone: on standard input, with names of every kind, and in the library."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

import tracetool as tt
from tests.tracetool.cli.program import tracetool
from tracetool.bundled import sample
from tracetool.images import load_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

AFTER = sample("aavmf-shell-padding/flash1-after.fd.zst")
STORE = load_image(AFTER, limit=64 << 20)[: 768 << 10]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.slow
def test_an_image_can_come_through_standard_input(pack: Callable[[bytes], bytes]) -> None:
    done = tracetool("variables", "-", stdin=pack(STORE.tobytes()))
    assert (done.code, done.text) == (0, tracetool("variables", AFTER).text)


@pytest.mark.parametrize(
    ("data", "words"), [(bytes(5000), "it is blank"), (b"\n", "no pflash event"), (b"", "is empty")]
)
@pytest.mark.slow
def test_standard_input_without_a_store_is_refused_in_a_line(data: bytes, words: str) -> None:
    done = tracetool("variables", "-", stdin=data)
    assert done.code == 3
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_half_a_surrogate_pair_in_a_name_is_escaped_in_every_format(quick: Quick, tmp_path: Path) -> None:
    image = STORE.copy()
    for name, lone in (("Timeout", 0xD800), ("Key0000", 0xDC01)):
        at = image.tobytes().index(name.encode("utf-16-le"))
        image[at : at + 2] = np.frombuffer(lone.to_bytes(2, "little"), np.uint8)
    path, parquet = tmp_path / "flash.fd", tmp_path / "variables.parquet"
    image.tofile(path)
    assert r"\ud800imeout" in quick("variables", path, "--format", "csv").text
    assert r"ud800imeout" in quick("variables", path).text
    listed = [json.loads(line) for line in quick("variables", path, "--format", "jsonl").text.splitlines()]
    assert {r"\ud800imeout", r"\udc01ey0000"} < {row["variable"] for row in listed}
    document = json.loads(quick("variables", path, "--format", "json").text)
    assert r"\ud800imeout" in {variable["name"] for variable in document["variables"]}
    assert quick("variables", path, "--format", "parquet", "-o", parquet).code == 0
    assert r"\udc01ey0000" in pl.read_parquet(parquet)["variable"].to_list()


def test_the_library_lists_the_variables_of_an_image() -> None:
    found = tt.variables_in(AFTER)
    assert found.schema == tt.VARIABLES_SCHEMA
    assert found["variable"].to_list()[:2] == ["CustomMode", "certdb"]
    assert tt.variables_in(AFTER, deleted=True).height == found.height + 5
    with pytest.raises(tt.InputError, match="no UEFI variable store"):
        tt.variables_in(sample("aavmf-first-boot/flash1-before.fd.zst"))
