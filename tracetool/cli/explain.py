"""`tracetool explain`: one event in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import command

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
    from tracetool.library.inputs import warn_of_damage
    from tracetool.report.explanation import print_explanation

    with common.opened(traces, reading, devices.given()) as trace:
        explanation = trace.explain(event, policy=policy)
    print_explanation(explanation, common.console(width))
    warn_of_damage(trace.readers)
