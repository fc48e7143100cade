"""The boards under test are those that docs/faithful.md names."""

from __future__ import annotations

import re

import pytest

from replay.boards import boards
from tests.captures import ROOT
from tests.live.cfi02_machines import MACHINES as CFI02_MACHINES
from tests.live.machines import MACHINES

PAGE = (ROOT / "docs" / "faithful.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("machine", MACHINES)
def test_each_machine_is_in_the_table(machine: str) -> None:
    table = "\n".join(line for line in _section("What was compared").splitlines() if line.startswith("|"))
    assert f"`{machine}`" in table


def test_the_table_has_no_other_machine() -> None:
    rows = [line for line in _section("What was compared").partition("\nFirmware")[0].splitlines() if line[:2] == "| "]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])} == set(MACHINES)


def test_the_machines_with_a_cfi02_flash_are_in_their_table() -> None:
    rows = [line for line in _section("CFI02 flashes").splitlines() if line[:2] == "| "]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])} == set(CFI02_MACHINES)


def test_each_device_of_a_known_board_is_driven_or_said_to_be_unproved() -> None:
    driven = {flash.name for machine in MACHINES.values() for flash in machine.driven}
    driven |= {machine.device for machine in CFI02_MACHINES.values()}
    unproved = _section("What is unproved")
    for name, board in boards().items():
        for device in board.sizes:
            assert device in driven or f"`{name}`" in unproved or f"`{device}`" in unproved, (name, device)
