"""Random programs on live flashes: QEMU's answers, log and image are those of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.guest import program
from tests.live.machines import MACHINES
from tests.live.proof import prove
from tests.live.saved import Saved

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.live

LENGTH = 6000
SEEDS = {"virt-arm": 20, "q35-ovmf": 10}
"""Programs for the boards that firmware runs on; `OTHERS` for each of the rest."""
OTHERS = 2


@pytest.mark.parametrize(
    ("machine", "seed"), [(name, seed) for name in MACHINES for seed in range(1, 1 + SEEDS.get(name, OTHERS))]
)
def test_the_model_does_what_the_flash_does(
    machine: str, seed: int, record_property: Callable[[str, object], None]
) -> None:
    board = MACHINES[machine]
    board.needed()
    outcome = prove(Saved(machine, seed, program(board, seed, LENGTH)), seed)
    assert outcome.accesses > 0
    record_property("accesses", outcome.accesses)
    record_property("machine", machine)
    record_property("seed", seed)
