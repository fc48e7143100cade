"""The application: its commands, in the order in which people meet them."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click

from replay.kernel_form import is_compiled
from tracetool.cli.completion import install_completion, show_completion

__all__ = ["program"]

_MODULES = {
    "demo": "demo",
    "record": "record",
    "audit-firmware": "audit_firmware",
    "info": "info",
    "events": "events",
    "operations": "operations",
    "blocks": "operations",
    "variables": "variables",
    "wear": "wear",
    "powercut": "powercut",
    "who": "who",
    "blame": "blame",
    "explain": "explain",
    "audit": "audit",
    "diff": "diff",
    "fleet": "fleet",
    "view": "view",
    "findings": "findings",
    "replay": "replay",
    "export": "export",
    "cut": "cut",
    "merge": "export",
    "verify": "verify",
    "rules": "rules",
}
"""Each command's module, which is loaded when the command is asked for."""


class _Program(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"tracetool.cli.{_MODULES[cmd_name]}")
        return cast("click.Command", getattr(module, cmd_name.replace("-", "_")))


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    from importlib.metadata import version

    if wanted and not context.resilient_parsing:
        form = "compiled" if is_compiled() else "plain Python"
        click.echo(f"tracetool {version('pflash-tracetool')} ({form})")
        context.exit()


@click.group(
    cls=_Program,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and whether the kernels are compiled.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks of errors.")
@install_completion
@show_completion
def program() -> None:
    """What QEMU guests write to their parallel NOR flash, from QEMU's pflash trace events.

    Exit codes: 0 nothing found; 1 findings, or a write outside the extent;
    2 wrong usage; 3 unreadable input or a missing dependency;
    4 inconclusive; 130 interrupted.
    """
