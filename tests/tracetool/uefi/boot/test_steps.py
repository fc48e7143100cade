from __future__ import annotations

from tests.captures import ROOT
from tracetool.uefi.boot import Rule


def test_the_page_about_power_cuts_has_every_rule() -> None:
    page = (ROOT / "docs" / "powercut.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| ") and line[2:4] in {*Rule}] == [
        f"| {rule} | {rule.words} |" for rule in Rule
    ]
