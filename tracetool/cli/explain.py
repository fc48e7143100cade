"""`tracetool explain`: one event in words."""

from __future__ import annotations

from typing import Annotated

import typer

from tracetool.cli import common


def explain(
    trace: common.TracePath,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=0, help="Number of the event, as in `tracetool events`.")],
    *,
    policy: common.PolicyName = None,
    strict: common.Strict = False,
    image: common.Image = None,
    extent: common.Extent = None,
    board: common.Board = None,
    geometry: common.GeometrySpec = None,
    read_only: common.ReadOnly = None,
    qemu: common.Qemu = "auto",
    device: common.DeviceName = None,
) -> None:
    """Say what one event is: the command, state and bytes before and after, its operation, policy and findings."""
    from tracetool.explain import explain as explain_event
    from tracetool.report.explanation import print_explanation

    options = common.make_options(
        image=image,
        extent=extent,
        board=board,
        geometry=geometry,
        read_only=read_only,
        qemu=qemu,
        device=device,
        policy=policy,
    )
    with common.opened([trace], strict=strict) as readers:
        explanation = explain_event(readers, options, seq)
    print_explanation(explanation, common.console())
    common.warn_of_damage(readers)
