"""The commits of a repair lead to the image that the boot leaves, and a second cut in them is survived or not."""

from __future__ import annotations

import pytest

from replay.columns import JournalKind
from replay.powercut import AFTER, cut_states
from tests.captures import capture_path
from tracetool.images import load_image
from tracetool.uefi.boot import FIRMWARES, Outcome, boot
from tracetool.uefi.boot.recovery import recovery_commits


def image(name: str) -> bytes:
    return load_image(capture_path(f"powercut/{name}.fd.zst"), limit=64 << 20).tobytes()


@pytest.mark.parametrize(
    ("name", "firmware", "outcome"),
    [
        ("rc-target-k300", "aavmf-2022.11", Outcome.RECOVERED),
        ("fb-late-erase", "aavmf-2022.11", Outcome.REFORMATTED),
        ("sp-hello-rw-k10", "aavmf-2025.02", Outcome.REFORMATTED),
        ("or-target-erase1", "ovmf-2022.11", Outcome.HUNG),
    ],
)
def test_the_commits_lead_to_what_the_boot_leaves(name: str, firmware: str, outcome: Outcome) -> None:
    before = image(name)
    found = boot(before, FIRMWARES[firmware])
    assert found.outcome is outcome
    commits = list(recovery_commits(before, found))
    contents = bytearray(before)
    for commit in commits:
        span = slice(commit.offset, commit.offset + len(commit.after))
        assert contents[span] == commit.before
        contents[span] = commit.after
    first = FIRMWARES[firmware].headers[:0x48]
    assert {commit.kind for commit in commits} >= {JournalKind.ERASE, JournalKind.FLUSH}
    assert contents[:0x48] == first or outcome is Outcome.RECOVERED
    assert boot(contents, FIRMWARES[firmware]).taken_up == found.taken_up
    if outcome is Outcome.REFORMATTED:
        assert contents[0x64:] == b"\xff" * (len(contents) - 0x64)


@pytest.mark.parametrize("name", ["fb-conin-both", "fb-late-none", "rc-spare-done", "fb-fmt-hdr-w23"])
def test_a_boot_that_repairs_nothing_has_none(name: str) -> None:
    before = image(name)
    assert list(recovery_commits(before, boot(before, FIRMWARES["aavmf-2022.11"]))) == []


@pytest.mark.slow
def test_a_second_cut_in_a_recovery_is_recovered_again_but_for_the_erase() -> None:
    """W7: the target's headers have to be whole, so between its erase and its first buffer all is lost (F1)."""
    before, firmware = image("rc-target-k300"), FIRMWARES["aavmf-2022.11"]
    first = boot(before, firmware)
    outcomes: dict[str, list[Outcome]] = {}
    for state in cut_states(before, recovery_commits(before, first), torn=False):
        if state.shape == AFTER:
            found = boot(bytes(state.contents), firmware)
            kind = "erase" if state.commit.kind is JournalKind.ERASE else "program"
            outcomes.setdefault(f"{kind} at {state.commit.offset >> 18}", []).append(found.outcome)
    assert outcomes["erase at 0"] == [Outcome.REFORMATTED]
    assert set(outcomes["program at 0"]) == {Outcome.RECOVERED}
    assert outcomes["program at 1"] == [Outcome.KEPT, Outcome.KEPT]
    assert outcomes["erase at 2"] == [Outcome.KEPT]


@pytest.mark.parametrize(
    ("field", "value", "blocks"),
    [(16, 0x58, {0, 1, 2}), (8, 0xF0, {1, 2}), (9, 0xF0, set()), (23, 0x80, set())],
    ids=["longer than the spare", "beyond the volume", "beyond the flash", "endless"],
)
def test_a_damaged_record_leads_to_what_the_boot_leaves(field: int, value: int, blocks: set[int]) -> None:
    firmware = FIRMWARES["aavmf-2022.11"]
    before = bytearray(image("rc-target-k300"))
    before[firmware.working + 72 + field] = value
    found = boot(before, firmware)
    commits = list(recovery_commits(before, found))
    contents = bytearray(before)
    for commit in commits:
        contents[commit.offset : commit.offset + len(commit.after)] = commit.after
    assert {commit.offset // firmware.block_bytes for commit in commits} == blocks
    assert len(contents) == len(before)
    assert not commits or boot(contents, firmware).taken_up == boot(found.image, firmware).taken_up
