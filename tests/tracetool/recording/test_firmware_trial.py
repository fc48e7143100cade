"""A boot of real firmware beside its prediction: every difference is told."""

from __future__ import annotations

import pytest

from tests.captures import capture_path
from tracetool.images import load_image
from tracetool.recording.firmware_trial import Trial
from tracetool.uefi.boot import FIRMWARES, Boot, Outcome, boot


def predicted(image: str) -> Boot:
    contents = load_image(capture_path(f"powercut/{image}.fd.zst"), limit=64 << 20).tobytes()
    return boot(contents, FIRMWARES["aavmf-2022.11"])


def trial(outcome: Outcome, of: Boot, *, missing: str = "", deleted: str = "", for_good: bool = False) -> Trial:
    found = frozenset((copy.name, str(copy.guid)) for copy in of.taken_up if copy.name != missing)
    return Trial(outcome, for_good, found, frozenset([deleted]), 1.0)


@pytest.mark.parametrize("image", ["fb-conin-both", "rc-target-k300", "fb-late-erase"])
def test_what_is_as_predicted_has_no_difference(image: str) -> None:
    prediction = predicted(image)
    assert trial(prediction.outcome, prediction).differences(prediction) == []


@pytest.mark.parametrize(
    ("image", "outcome", "expected"),
    [
        ("fb-conin-both", Outcome.REFORMATTED, "reformatted, not kept"),
        ("rc-target-k300", Outcome.KEPT, "kept, not recovered"),
        ("fb-late-erase", Outcome.HUNG, "hung, not reformatted"),
        ("fb-fmt-hdr-w23", Outcome.HUNG, "the boot after it ends"),
    ],
)
def test_another_outcome_is_told(image: str, outcome: Outcome, expected: str) -> None:
    prediction = predicted(image)
    assert trial(outcome, prediction).differences(prediction) == [expected]


def test_a_variable_that_is_gone_is_told_unless_the_boot_deleted_it() -> None:
    prediction = predicted("fb-conin-both")
    assert trial(Outcome.KEPT, prediction, missing="ConIn").differences(prediction) == ["ConIn is gone"]
    assert trial(Outcome.KEPT, prediction, missing="ConIn", deleted="ConIn").differences(prediction) == []
