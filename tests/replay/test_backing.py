"""Extent and policy."""

from __future__ import annotations

import numpy as np

from replay.backing import Backing, Policy
from replay.engine import Config
from tests.replay.programs import RESET, VIRT, replayed, write

LAST = VIRT.size - 4


def test_policies_have_the_names_of_the_option() -> None:
    assert [policy.label for policy in Policy] == ["padded", "discard", "volatile", "error"]


def test_a_flash_is_backed_to_its_last_word_unless_told_otherwise() -> None:
    """QEMU's own rule: the file is as long as the region."""
    events = [RESET, write(LAST, 0x40), write(LAST, 0x11223344)]
    image = np.zeros(VIRT.size, np.uint8)
    whole, _ = replayed(Config(VIRT, image=image), events)
    short, _ = replayed(Config(VIRT, image=image, backing=Backing(LAST, Policy.DISCARD)), events)
    assert whole.backing()[LAST:].tobytes() == whole.storage()[LAST:].tobytes() == b"\x44\x33\x22\x11"
    assert (len(short.backing()), short.storage()[LAST:].tobytes()) == (LAST, bytes(4))
