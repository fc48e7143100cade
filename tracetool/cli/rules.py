"""`tracetool rules`: what each rule means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.findings import RULES
from tracetool.library.keywords import parse_rule

if TYPE_CHECKING:
    from rich.console import Console

    from tracetool.findings import Rule

_TITLE_COLUMN = 17


@command()
@click.argument("rule", required=False, type=options.RULE, help="As EXT001, or words to look for.")
@options.width
def rules(*, rule: str | None, width: int | None) -> None:
    """List the rules, or say what one means, why it matters and what to do; or those that speak of some words."""
    from tracetool.report.layout import print_words

    console = common.console(width)
    if rule is None:
        for found in RULES.values():
            print_words(console, f"{found.id}  {found.severity.label:<7}  {found.title}", hang=_TITLE_COLUMN)
        return
    for number, found in enumerate(_speaking_of(rule) or [parse_rule(rule)]):
        if number:
            console.print()
        _explain(found, console)


def _speaking_of(text: str) -> list[Rule]:
    """The rules in whose words a text stands, in either case; a name of QEMU's function before it does not count."""
    words = text.casefold().removeprefix("pflash_write:").strip()
    told = {rule.id: f"{rule.title} {rule.why} {rule.cause} {rule.remedy}".casefold() for rule in RULES.values()}
    return [RULES[name] for name, said in told.items() if words and words in said and text.upper() not in RULES]


def _explain(rule: Rule, console: Console) -> None:
    from tracetool.report.layout import print_words

    console.print(f"{rule.id} ({rule.severity.label}): {rule.title}", style="bold")
    for title, words in (
        ("Why it matters", rule.why),
        ("How to find the cause", rule.cause),
        ("What to do", rule.remedy),
    ):
        console.print(f"\n{title}", style="bold")
        print_words(console, words)
