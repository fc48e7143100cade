from __future__ import annotations

import random
from functools import cache

import pytest

import tracetool as tt
from tests.captures import capture_path
from tracetool.analysis.variables import chosen_store, device_store, store_after
from tracetool.errors import InputError

CAPTURES = {
    "aavmf-first-boot": "virt.flash1",
    "aavmf-shell-padding": "virt.flash1",
    "aavmf-rfc-v2": "virt.flash1",
    "ovmf-first-boot": "system.flash1",
    "aavmf-reclaim": "virt.flash1",
}


@cache
def trace(name: str) -> tt.Trace:
    image = {CAPTURES[name]: capture_path(f"{name}/flash1-before.fd.zst")}
    return tt.open(str(capture_path(f"{name}/trace.log.zst")), image=image)


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.slow
def test_a_store_from_the_journal_is_that_of_a_replay_up_to_the_event(name: str) -> None:
    replayed = trace(name).replay(variables=True)
    device = chosen_store(replayed)
    chance = random.Random(name)  # noqa: S311  the same moments in every run
    for seq in sorted(chance.sample(range(device.current.last_seq), 12)):
        part = trace(name).replay(at=seq)
        assert store_after(device, 0, seq) == device_store(part.devices[device.name]), seq


@pytest.mark.slow
def test_further_moments_are_read_from_the_journal() -> None:
    fresh = tt.open(str(capture_path("aavmf-shell-padding/trace.log.zst")))
    stores = [fresh.variable_store(at=seq) for seq in (4265, 4266, 4355, 4356)]
    assert ["Hello" in {name for name, _ in store.current} for store in stores] == [True, True, True, False]
    assert stores[0] != stores[1]
    with pytest.raises(tt.UsageError, match="last event"):
        fresh.variable_store(at=10**6)
    with pytest.raises(InputError, match="just after event 1"):
        fresh.variable_store(at=1)
