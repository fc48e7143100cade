"""What cuts in the captures cost, and that the cuts which real firmware booted cost what it lost."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from tests.captures import sha256
from tests.tracetool.analysis.test_power_cuts import cases, commits
from tracetool.analysis.cut_costs import Cost, Cut, Sweep, case_name, cut_at, likely_firmware, parse_case, toll
from tracetool.analysis.tolls import Toll
from tracetool.uefi.boot import FIRMWARES, Outcome

if TYPE_CHECKING:
    from tracetool.uefi.boot import Firmware

AAVMF, AAVMF_2025, OVMF, *_ = FIRMWARES.values()
A, B = ("A", b"1"), ("B", b"1")
WHOLE = {A: b"new", B: b"b"}


@pytest.mark.parametrize(
    "capture", ["aavmf-first-boot", "aavmf-shell-padding", pytest.param("aavmf-reclaim", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_a_cut_costs_what_real_firmware_lost(capture: str) -> None:
    chosen = [case for case in cases() if case["capture"] == capture]
    for case in chosen:
        made = commits(case["capture"])
        for name, seen in case["firmware"].items():
            contents, cut = cut_at(made, FIRMWARES[name], (0, case["seq"]), case["shape"])
            assert sha256(contents) == case["image_sha256"]
            assert (cut.outcome, cut.for_good) == (seen["outcome"], seen.get("for_good", False))
            assert cut.cost.committed == len(case["committed"]), case["name"]
            if not cut.for_good:
                lost = [text.rpartition(" ")[0] for text in seen["lost"] + seen["garbled"]]
                assert sorted(cut.cost.names) == sorted(lost), case["name"]
    assert chosen


@pytest.mark.parametrize(
    ("outcome", "taken", "costs", "names"),
    [
        (Outcome.KEPT, WHOLE, None, ()),
        (Outcome.KEPT, {A: b"newer", B: b"b"}, None, ()),
        (Outcome.RECOVERED, WHOLE, Toll.RECOVERED, ()),
        (Outcome.HUNG, WHOLE, Toll.RECOVERED, ()),
        (Outcome.KEPT, {B: b"b"}, Toll.SOME, ("A",)),
        (Outcome.KEPT, {A: b"ne\xff", B: b"b"}, Toll.SOME, ("A",)),
        (Outcome.KEPT, {A: b"old", B: b"b"}, Toll.OLDER, ("A",)),
        (Outcome.REFORMATTED, {}, Toll.ALL, ("A", "B")),
        (Outcome.IGNORED, {}, Toll.ALL, ("A", "B")),
    ],
)
def test_the_toll_of_a_cut(
    outcome: Outcome, taken: dict[tuple[str, bytes], bytes], costs: Toll | None, names: tuple[str, ...]
) -> None:
    found = toll(outcome, for_good=False, committed=WHOLE, taken=taken, earlier={(A, b"old")})
    assert found == Cost(costs, names, 2)


def test_a_firmware_that_never_starts_is_the_worst_even_with_nothing_to_lose() -> None:
    assert toll(Outcome.HUNG, for_good=True, committed={}, taken={}, earlier=set()).toll is Toll.NO_START
    assert toll(Outcome.REFORMATTED, for_good=False, committed={}, taken={}, earlier=set()).toll is None


@pytest.mark.parametrize(
    ("name", "firmware", "reformatted", "recovered"),
    [
        ("aavmf-first-boot", AAVMF, 17, 0),
        ("aavmf-shell-padding", AAVMF, 2, 0),
        pytest.param("aavmf-reclaim", AAVMF, 13, 1_367, marks=pytest.mark.slow),
        pytest.param("ovmf-first-boot", OVMF, 0, 0, marks=pytest.mark.slow),
    ],
)
def test_outcomes_after_each_commit_are_as_counted_independently(
    name: str, firmware: Firmware, reformatted: int, recovered: int
) -> None:
    sweep = Sweep(commits(name), firmware, torn=False)
    outcomes = Counter(cut.outcome for cut in sweep if cut.shape == "after")
    assert (outcomes[Outcome.REFORMATTED], outcomes[Outcome.RECOVERED]) == (reformatted, recovered)
    assert outcomes.total() == len(commits(name))
    assert not outcomes[Outcome.HUNG]


def test_the_parts_of_a_sweep_are_the_whole() -> None:
    made = commits("aavmf-shell-padding")

    def cuts(shard: tuple[int, int] = (1, 1)) -> list[tuple[str, Cost]]:
        return [(case_name(made.digest, cut), cut.cost) for cut in Sweep(made, AAVMF, shard=shard)]

    parts = [cut for part in (1, 2, 3) for cut in cuts((part, 3))]
    assert sorted(parts) == sorted(cuts())
    assert len(parts) > 200


def test_the_name_of_a_case_makes_its_state_again() -> None:
    made = commits("aavmf-shell-padding")
    for cut in islice(Sweep(made, AAVMF_2025), 0, None, 17):
        parsed = parse_case(case_name(made.digest, cut))
        assert parsed is not None
        digest, event, shape = parsed
        assert digest == made.digest
        assert cut_at(made, AAVMF_2025, event, shape)[1] == cut


def test_a_case_of_a_later_trace_names_that() -> None:
    first = next(iter(commits("aavmf-shell-padding")))
    cut = Cut(first._replace(trace=2, seq=7), "words:1", Outcome.KEPT, for_good=False, cost=Cost(None, (), 0))
    assert case_name("0" * 12, cut) == f"{'0' * 12}:2:7:words:1"
    assert parse_case(case_name("0" * 12, cut)) == ("0" * 12, (2, 7), "words:1")
    assert parse_case("4370") is None
    assert parse_case("1:404") is None


@pytest.mark.slow
def test_the_firmware_that_wrote_a_store_is_recognised() -> None:
    assert likely_firmware(commits("aavmf-first-boot")) == AAVMF
    assert likely_firmware(commits("ovmf-first-boot")) == OVMF
