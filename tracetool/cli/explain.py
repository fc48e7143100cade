"""`tracetool explain`: one event in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from replay.backing import Policy


@command()
@options.traces
@click.argument(
    "event",
    metavar="[N:]SEQ",
    help="Number of the event, as in `tracetool events`, also in hex; with several traces that of its trace "
    "before it: 1:404 is in the second.",
)
@options.policy
@options.width
@options.reading_options
@options.device_options
def explain(
    *,
    traces: list[str],
    event: str,
    policy: Policy | None,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """Say what one event is: the command, state and bytes before and after, its operation, policy and findings."""
    from tracetool.explain import explain as explain_event
    from tracetool.report.explanation import print_explanation

    session = devices.session(policy=policy)
    with common.opened(traces, reading) as opened:
        trace, seq = _named(event, len(opened))
        readers = opened[: trace + 1]
        explanation = explain_event(readers, session, seq)
    print_explanation(explanation, common.console(width))
    common.warn_of_damage(readers)


def _named(text: str, traces: int) -> tuple[int, int]:
    """The trace and the number that `[N:]SEQ` means."""
    head, colon, tail = text.rpartition(":")
    if not colon and traces > 1:
        raise UsageError(f"{text}: name the trace too, 0:{text} to {traces - 1}:{text}: there are {traces}")
    trace = common.parse_number(head, "N") if colon else 0
    if trace >= traces:
        raise UsageError(f"{text}: there is no trace {trace}; they are numbered from 0, and the last is {traces - 1}")
    return trace, common.parse_number(tail, "SEQ")
