"""The application: its commands, in the order in which people meet them."""

from __future__ import annotations

from typing import Annotated

import typer

from tracetool.cli import audit, demo, events, explain, export, findings, info, operations, replay, rules, verify, view

__all__ = ["app"]

app = typer.Typer(
    name="tracetool",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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


app.command("demo")(demo.demo)
app.command("info")(info.info)
app.command("events")(events.events)
app.command("operations")(operations.operations)
app.command("blocks")(operations.blocks)
app.command("explain")(explain.explain)
app.command("audit")(audit.audit)
app.command("view")(view.view)
app.command("findings")(findings.findings)
app.command("replay")(replay.replay)
app.command("export")(export.export)
app.command("verify")(verify.verify)
app.command("rules")(rules.rules)
