from __future__ import annotations

from tests.tracetool.viewmodel.samples import OUTSIDE, first_boot, padding
from tracetool.viewmodel.chips import chip_offers
from tracetool.viewmodel.filters import Chip, Filter, passing
from tracetool.viewmodel.passing import what_passes
from tracetool.viewmodel.selection import Selection, selection_at
from tracetool.viewmodel.tables import Tables


def counted(tables: Tables, *chips: Chip) -> int:
    found = passing(tables, Filter(chips))
    return len(tables.operations) if found is None else len(found)


def test_what_wrote_to_the_flash_is_a_quarter_of_a_first_boot() -> None:
    tables = Tables(first_boot())
    offers = {offer.key: offer.chip for offer in chip_offers(tables, Selection())}
    assert (counted(tables, offers["c"]), len(tables.operations)) == (240, 1020)
    assert counted(tables, offers["e"]) == 23
    assert counted(tables, offers["e"], offers["p"]) == 0
    assert counted(tables, offers["c"], offers["p"]) == 217


def test_every_offer_is_a_query_that_the_selected_operation_passes_and_its_opposite_does_not() -> None:
    tables = Tables(padding())
    chosen = selection_at(tables, 0, OUTSIDE)
    operation = tables.operation_at(0, OUTSIDE, chosen.device)
    offers = list(chip_offers(tables, chosen))
    assert {"a", "k", "d", "b", "u", "r", "o", "f"} <= {offer.key for offer in offers}
    for offer in offers[5:]:
        found = passing(tables, Filter((offer.chip,)))
        assert found is not None
        assert operation in found
        others = passing(tables, Filter((offer.opposite,)))
        assert others is not None
        assert operation not in others
        assert len(found) + len(others) <= len(tables.operations)


def test_a_chip_takes_the_place_of_that_of_its_slot_and_is_switched_by_itself() -> None:
    one, two, other = Chip("op == erase"), Chip("op == program"), Chip("finding", "finding")
    both = Filter().with_chip(one).with_chip(other)
    assert both.with_chip(two).chips == (two, other)
    assert both.text(events=False) == "(op == erase) and (finding)"
    off = both.toggled(0)
    assert (off.text(events=False), off.toggled(0)) == ("finding", both)
    assert Filter(both.chips, on=False).toggled(0).text(events=False) == "op == erase"
    assert both.without(1).chips == (one,)


def test_what_passes_is_counted_by_device_and_finding() -> None:
    tables = Tables(padding())
    found = what_passes(tables, Filter((Chip("offset >= 768K"),)))
    assert found is not None
    assert len(found.operations) == 5
    assert found.words("virt.flash1").startswith("5 operations, 1 program")
    assert found.words("virt.flash0") == "0 operations"
    assert found.findings["EXT001", "virt.flash1"] == 1
    assert what_passes(tables, Filter()) is None
