from __future__ import annotations

import pytest

from tests.captures import ROOT, sha256
from tracetool.bundled import sample
from tracetool.errors import InputError
from tracetool.images import load_image

PADDING = "aavmf-shell-padding"


def test_a_sample_is_found_in_a_checkout() -> None:
    assert sample(f"{PADDING}/trace.log.zst") == ROOT / "samples" / PADDING / "trace.log.zst"


@pytest.mark.parametrize("name", ["no-such/trace.log.zst", PADDING])
def test_what_is_no_sample_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name}: no such sample"):
        sample(name)


@pytest.mark.parametrize("folder", ["aavmf-first-boot", PADDING])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_sample_images_are_what_their_readme_says(folder: str, moment: str) -> None:
    image = load_image(sample(f"{folder}/flash1-{moment}.fd.zst"), limit=64 << 20)
    row = f"| `{folder}/flash1-{moment}.fd` | {image.size:,} | `{sha256(image.data)}` |"
    assert row in (ROOT / "samples" / "README.md").read_text(encoding="utf-8").splitlines()
