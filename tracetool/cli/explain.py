"""`tracetool explain`: one event in words."""

from __future__ import annotations

from typing import Annotated

import typer

from tracetool.cli import common
from tracetool.cli.devices import DeviceOptions, takes_options


@takes_options
def explain(
    trace: common.TracePath,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=0, help="Number of the event, as in `tracetool events`.")],
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
    with common.opened([trace], reading) as readers:
        explanation = explain_event(readers, options, seq)
    print_explanation(explanation, common.console(width))
    common.warn_of_damage(readers)
