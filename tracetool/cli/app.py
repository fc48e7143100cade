"""The application: its commands, in the order in which people meet them."""

from __future__ import annotations

from typing import Annotated

import typer

from tracetool.cli import (
    audit,
    audit_firmware,
    demo,
    events,
    explain,
    export,
    findings,
    info,
    operations,
    record,
    replay,
    rules,
    verify,
    view,
)
from tracetool.cli.help import Command, Group

__all__ = ["app"]

app = typer.Typer(
    name="tracetool",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"tracetool {version('pflash-tracetool')}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """What QEMU guests write to their parallel NOR flash, from QEMU's pflash trace events.

    Exit codes: 0 nothing found; 1 findings, or a write outside the extent;
    2 wrong usage; 3 unreadable input or a missing dependency;
    4 inconclusive; 130 interrupted.
    """
    _ = version, debug  # both act before the command runs


app.command("demo", cls=Command)(demo.demo)
app.command("record", cls=Command, context_settings={"allow_interspersed_args": False})(record.record)
app.command("audit-firmware", cls=Command)(audit_firmware.audit_firmware)
app.command("info", cls=Command)(info.info)
app.command("events", cls=Command)(events.events)
app.command("operations", cls=Command)(operations.operations)
app.command("blocks", cls=Command)(operations.blocks)
app.command("explain", cls=Command)(explain.explain)
app.command("audit", cls=Command)(audit.audit)
app.command("view", cls=Command)(view.view)
app.command("findings", cls=Command)(findings.findings)
app.command("replay", cls=Command)(replay.replay)
app.command("export", cls=Command)(export.export)
app.command("verify", cls=Command)(verify.verify)
app.command("rules", cls=Command)(rules.rules)
