"""`tracetool explain`: one event in words."""

from __future__ import annotations

from typing import Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options
from tracetool.errors import UsageError


@takes_options
def explain(
    traces: common.TracePaths,
    event: Annotated[
        str,
        typer.Argument(
            metavar="[N:]SEQ",
            help="Number of the event, as in `tracetool events`, also in hex; with several traces that of its trace "
            "before it: 1:404 is in the second.",
        ),
    ],
    *,
    policy: common.PolicyName = None,
    width: common.Width = None,
    reading: common.Reading,
    devices: DeviceOptions,
) -> None:
    """Say what one event is: the command, state and bytes before and after, its operation, policy and findings."""
    from tracetool.explain import explain as explain_event
    from tracetool.report.explanation import print_explanation

    options = devices.session(
        policy=policy,
    )
    with common.opened(traces, reading) as opened:
        trace, seq = _named(event, len(opened))
        readers = opened[: trace + 1]
        explanation = explain_event(readers, options, seq)
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
